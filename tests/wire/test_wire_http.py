"""The HTTP driver: what decides about posting twice, and that nothing can hold it, fill it or lead it astray."""

from __future__ import annotations

import gzip
import logging
import os
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from integrations.wire import http
from integrations.wire.addresses import Addresses, check_public
from integrations.wire.auth import LogIn, Tokens
from integrations.wire.errors import BadAddress, ConsentLost, ContractBroken, TryLater
from integrations.wire.message import Answer, Request, json_body, json_of
from integrations.wire.site import Site

from .lines import Conduct, Server, reply

POST = Request(method="POST", path="/invoices", body=b'{"total": 12.50}')
GET = Request(method="GET", path="/invoices")


def at(url: str) -> Site:
    return Site(environment="sandbox", addresses=Addresses(api=url))


def send(server: Server, request: Request = POST, **options: Any) -> Answer:
    return http.send(request, site=at(server.url), allow=[server.url], **options)


@pytest.fixture(autouse=True)
def fresh_session() -> Iterator[None]:
    http._sessions.clear()
    yield
    http._sessions.clear()


def hang_up(line: socket.socket, request: bytes) -> None:
    line.close()


def say(answer: bytes) -> Conduct:
    def conduct(line: socket.socket, request: bytes) -> None:
        line.sendall(answer)

    return conduct


def test_an_answer_comes_back_whole_with_headers_of_any_case() -> None:
    with Server(say(reply(b'{"total": 12.50}', headers="X-Trace: 7\r\n"))) as server:
        answer = send(server)
    assert answer.status == 200
    assert str(json_of(answer)["total"]) == "12.50"
    assert answer.headers["x-trace"] == "7"
    assert server.requests[0].startswith(b"POST /invoices HTTP/1.1\r\n")
    assert server.requests[0].endswith(b'{"total": 12.50}')


def test_any_status_is_an_answer() -> None:
    with Server(say(reply(b"{}", status="503 Busy"))) as server:
        assert send(server).status == 503


def test_parameters_are_encoded() -> None:
    with Server(say(reply(b"{}"))) as server:
        send(server, Request(method="GET", path="query", params={"q": "name = 'A&B'"}))
        send(server, Request(method="GET", path="query?a=1", params={"at": "10:00+02:00"}))
    assert b"GET /query?q=name%20%3D%20%27A%26B%27 " in server.requests[0]
    assert b"GET /query?a=1&at=10%3A00%2B02%3A00 " in server.requests[1]


def test_a_log_in_brings_a_session_that_signs_what_follows() -> None:
    def door(line: socket.socket, request: bytes) -> None:
        line.sendall(reply(b'{"session": "s1"}' if b"POST /login" in request else b"[]"))

    auth = LogIn(
        open=lambda site, secrets: Request(method="POST", path="/login", body=json_body({"pw": secrets["password"]})),
        opened=lambda answer: Tokens(access=json_of(answer)["session"]),
        put=lambda request, secrets: replace(request, headers={"Cookie": f"session={secrets['access_token']}"}),
    )
    with Server(door) as server:
        tokens = http.log_in(auth, site=at(server.url), secrets={"password": "pw"}, allow=[server.url])
        http.Http(auth=auth, secrets=tokens.secrets(), allow=[server.url]).send(GET, site=at(server.url))
        with pytest.raises(ConsentLost, match="password"):
            http.log_in(auth, site=at(server.url), secrets={}, allow=[server.url])
    assert b'{"pw":"pw"}' in server.requests[0]
    assert b"Cookie: session=s1" in server.requests[1]


# Did it leave us?


def test_a_refused_connection_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with pytest.raises(TryLater) as error:
        http.send(POST, site=at(url), allow=[url])
    assert not error.value.sent
    assert not error.value.may_have_acted


def test_an_unknown_name_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(TryLater) as error:
        http.send(POST, site=at("https://api.acme.example"))
    assert not error.value.sent


def test_a_name_that_takes_too_long_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(*_: object, **__: object) -> list[Any]:
        time.sleep(0.3)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with pytest.raises(TryLater) as error:
        http.send(POST, site=at("http://slow.example"), allow=["http://slow.example"], deadline=0.1)
    assert not error.value.sent


def test_a_line_cut_after_the_request_may_have_been_acted_on() -> None:
    with Server(hang_up) as server, pytest.raises(TryLater) as error:
        send(server)
    assert error.value.sent
    assert server.requests


def test_a_reset_after_the_request_may_have_been_acted_on() -> None:
    def reset(line: socket.socket, request: bytes) -> None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        line.close()

    with Server(reset) as server, pytest.raises(TryLater) as error:
        send(server)
    assert error.value.sent


def test_an_answer_cut_in_the_middle_may_have_been_acted_on() -> None:
    def half(line: socket.socket, request: bytes) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}")
        line.close()

    with Server(half) as server, pytest.raises(TryLater) as error:
        send(server)
    assert error.value.sent


def test_a_vendor_that_never_answers_may_have_acted() -> None:
    with Server(lambda line, request: time.sleep(5)) as server, pytest.raises(TryLater) as error:
        send(server, deadline=0.3)
    assert error.value.sent


def test_something_that_speaks_no_http_may_have_acted() -> None:
    def babble(line: socket.socket, request: bytes) -> None:
        line.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")
        line.close()

    with Server(babble) as server, pytest.raises(TryLater) as error:
        send(server)
    assert error.value.sent


def test_a_reused_line_that_dies_under_the_request_may_have_been_acted_on() -> None:
    def first_only(line: socket.socket, request: bytes) -> None:
        if b"first" in request:
            line.sendall(reply(b"{}"))
        else:
            line.close()

    with Server(first_only) as server:
        send(server, Request(method="GET", path="/first"))
        with pytest.raises(TryLater) as error:
            send(server)
    assert server.connections == 1
    assert error.value.sent


def test_an_untrusted_certificate_gets_nothing(tmp_path: Path) -> None:
    with Server(say(reply(b"{}")), tls=self_signed(tmp_path)) as server, pytest.raises(TryLater) as error:
        send(server)
    assert not error.value.sent
    assert "certificate" in error.value.explanation
    assert server.requests == []


def test_a_trusted_certificate_carries_the_request_and_the_deadline_cuts_it_too(tmp_path: Path) -> None:
    def answer_once(line: socket.socket, request: bytes) -> None:
        if b"GET" in request:
            line.sendall(reply(b"[1]"))
        else:
            trickle(line, request)

    with Server(answer_once, tls=self_signed(tmp_path)) as server:
        http.session().verify = str(tmp_path / "server.pem")
        assert json_of(send(server, GET)) == [1]
        begun = time.monotonic()
        with pytest.raises(TryLater) as error:
            send(server, deadline=0.3)
    assert time.monotonic() - begun < 2
    assert error.value.sent


def test_time_that_is_already_up_sends_nothing() -> None:
    with Server(say(reply(b"{}"))) as server, pytest.raises(TryLater) as error:
        send(server, deadline=0.0)
    assert not error.value.sent
    assert server.connections == 0


@pytest.mark.parametrize("secret", ["key\r\nX-Admin: yes", "ключ", " key"])
def test_a_secret_that_fits_no_header_is_neither_sent_nor_shown(secret: str) -> None:
    request = Request(method="POST", path="/x", headers={"Authorization": secret})
    with Server(say(reply(b"{}"))) as server, pytest.raises(BadAddress) as error:
        send(server, request)
    assert server.requests == []
    assert secret.strip() not in str(error.value)
    assert error.value.__suppress_context__


def test_nothing_that_is_sent_is_logged_even_at_the_level_of_debugging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    request = Request(method="POST", path="/x", params={"key": "s3cret"}, headers={"Authorization": "Bearer t"})
    with Server(say(reply(b'{"name": "Ada"}'))) as server:
        send(server, request)
    assert caplog.text == ""


# Nothing can hold it or fill it


def trickle(line: socket.socket, request: bytes) -> None:
    try:
        line.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(200):
            line.sendall(f"X-{number}: a\r\n".encode())
            time.sleep(0.05)
    except OSError:
        return


def test_headers_that_trickle_end_at_the_deadline() -> None:
    begun = time.monotonic()
    with Server(trickle) as server, pytest.raises(TryLater) as error:
        send(server, deadline=0.4)
    assert time.monotonic() - begun < 2
    assert error.value.sent


def test_a_body_without_length_that_is_cut_at_the_deadline_is_no_answer() -> None:
    def endless(line: socket.socket, request: bytes) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[1")
        time.sleep(5)

    with Server(endless) as server, pytest.raises(TryLater) as error:
        send(server, deadline=0.3)
    assert error.value.sent


def test_the_requests_own_timeout_counts_where_it_is_shorter() -> None:
    begun = time.monotonic()
    with Server(lambda line, request: time.sleep(5)) as server, pytest.raises(TryLater):
        send(server, Request(method="GET", path="/x", timeout=0.2), deadline=30)
    assert time.monotonic() - begun < 2


def test_an_answer_too_large_is_left_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1024**2)
    with Server(say(reply(b"x" * 2 * 1024**2))) as server, pytest.raises(ContractBroken, match="larger than 1 MB"):
        send(server)


def test_a_small_answer_that_unpacks_to_a_huge_one_is_left_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1024**2)
    bomb = gzip.compress(b"\0" * 50 * 1024**2)
    with Server(say(reply(bomb, headers="Content-Encoding: gzip\r\n"))) as server, pytest.raises(ContractBroken):
        send(server)


def test_a_packed_answer_is_unpacked() -> None:
    with Server(say(reply(gzip.compress(b"[1.10]"), headers="Content-Encoding: gzip\r\n"))) as server:
        assert str(json_of(send(server))[0]) == "1.10"


def test_a_line_is_used_again_and_outlives_the_watch_of_the_last_exchange() -> None:
    with Server(say(reply(b"{}"))) as server:
        send(server, deadline=0.2)
        time.sleep(0.4)
        send(server)
        send(server)
    assert server.connections == 1


def test_a_forked_process_uses_no_line_of_its_parent() -> None:
    with Server(say(reply(b"{}"))) as server:
        send(server)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if http._sessions == [] else 2
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        send(server)
    assert server.connections == 1


def test_cookies_of_one_customer_never_reach_another() -> None:
    with Server(say(reply(b"{}", headers="Set-Cookie: session=abc; Path=/\r\n"))) as server:
        assert "session=abc" in send(server).headers["Set-Cookie"]
        send(server)
    assert b"ookie" not in server.requests[1]


# Nobody leads it astray


def test_a_read_follows_a_redirect_on_the_same_host() -> None:
    def moved(line: socket.socket, request: bytes) -> None:
        if b"GET /new" in request:
            line.sendall(reply(b"[1]"))
        else:
            line.sendall(reply(b"", status="302 Found", headers="Location: /new\r\n"))

    with Server(moved) as server:
        assert json_of(send(server, GET)) == [1]


def test_a_redirect_to_another_host_takes_no_secret_along() -> None:
    with Server(say(reply(b"{}"))) as elsewhere:
        away = say(reply(b"", status="302 Found", headers=f"Location: {elsewhere.url}/\r\n"))
        with Server(away) as server, pytest.raises(ContractBroken, match="redirects"):
            send(server, Request(method="GET", path="/x", headers={"Authorization": "Bearer secret"}))
        assert elsewhere.requests == []


def test_a_redirected_write_is_not_repeated_and_counts_as_unknown() -> None:
    with Server(say(reply(b"", status="307 Moved", headers="Location: /new\r\n"))) as server:
        with pytest.raises(ContractBroken) as error:
            send(server)
        assert len(server.requests) == 1
    assert error.value.may_have_acted


def test_a_redirect_in_a_circle_ends() -> None:
    with Server(say(reply(b"", status="302 Found", headers="Location: /x\r\n"))) as server:
        with pytest.raises(ContractBroken, match="without end"):
            send(server, GET)
        assert len(server.requests) == http.MOST_REDIRECTS + 1


def test_a_name_that_turns_to_this_machine_after_the_check_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = iter(["93.184.216.34", "127.0.0.1"])
    with Server(say(reply(b"{}"))) as server:

        def rebinding(host: str, port: int, *_: object, **__: object) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(turns), server.port))]

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        check_public("https://rebind.example")
        with pytest.raises(BadAddress, match="private network"):
            http.send(POST, site=at("https://rebind.example"))
        assert server.connections == 0


def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[Any] = []

    def resolve(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))]

    def connect(address: Any, *_: object, **__: object) -> socket.socket:
        connected.append(address)
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(TryLater):
        http.send(POST, site=at("https://api.acme.example"))
    assert connected == [("93.184.216.34", 443)]


def test_the_next_address_is_tried_where_one_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(say(reply(b"{}"))) as server:
        ips = ["127.0.0.9", "127.0.0.1"]
        monkeypatch.setattr("integrations.wire.addresses.ips_of", lambda host, port: ips)
        assert send(server).status == 200


def test_this_machine_is_refused_where_the_operator_did_not_allow_it() -> None:
    with Server(say(reply(b"{}"))) as server, pytest.raises(BadAddress):
        http.send(POST, site=at(server.url.replace("http:", "https:")))
    assert server.connections == 0


def test_a_next_page_on_a_strange_host_is_refused() -> None:
    with Server(say(reply(b"{}"))) as server, pytest.raises(BadAddress, match="another host"):
        send(server, Request(method="GET", path="https://evil.example/next?page=2"))


@pytest.mark.parametrize("path", ["/company/1/../2", "/company/%2e%2e/2", "/company/%2E%2e/2", ".."])
def test_an_id_does_not_climb_into_another_company(path: str) -> None:
    with pytest.raises(BadAddress):
        http.url_of(Request(method="GET", path=path), at("https://api.acme.example/v3"))


def test_an_address_that_misses_its_setting_says_which() -> None:
    site = at("https://api.acme.example/{realm_id}")
    with pytest.raises(BadAddress, match="realm_id"):
        http.send(POST, site=site)


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    plain = serialization.NoEncryption()
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
