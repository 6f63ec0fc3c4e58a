"""Where we connect to, and where never."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from integrations.wire.addresses import Addresses, check_public, is_public
from integrations.wire.errors import BadAddress

VENDOR = Addresses(
    api="https://books.acme.example/v3/company/{realm_id}",
    authorize="https://login.acme.example/connect/oauth2",
    token="https://login.acme.example/oauth2/token",
    app="https://app.acme.example",
    more={"connections": "https://api.acme.example/connections"},
)


def leads_to(monkeypatch: pytest.MonkeyPatch, *ips: str) -> None:
    def resolve(host: str, port: int, *_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ips]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.parametrize("ip", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_public_address_is_public(ip: str) -> None:
    assert is_public(ip)


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104  # here it is refused
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # the clouds' metadata
        "168.63.129.16",
        "100.64.0.1",  # carriers' networks
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "192.88.99.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_no_other_address_is_public(ip: str) -> None:
    assert not is_public(ip)


def test_a_vendors_address_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(monkeypatch, "93.184.216.34", "2606:4700::1111")
    assert check_public(" https://books.example/odoo/ ") == "https://books.example/odoo"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://books.example", "https"),
        ("ftp://books.example", "not a web address"),
        ("books.example", "not a web address"),
        ("https://", "not a web address"),
        ("https:///path", "not a web address"),
        ("https://books.example:99999", "not a web address"),
        ("https://ada:secret@books.example", "user name"),
        ("https://ada@books.example", "user name"),
        ("https://books.example\\@evil.example", "backslash"),
        ("https://books.example\nHost: evil", "line break"),
        ("https://{base}", "base"),
        ("https://[::1", "not a web address"),
    ],
)
def test_an_address_that_must_not_be_used_says_why(url: str, why: str) -> None:
    with pytest.raises(BadAddress, match=why):
        check_public(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1",
        "https://2130706433",
        "https://0x7f.1",
        "https://[::1]",
        "https://localhost",
        "https://[::ffff:10.0.0.1]",
    ],
)
def test_this_machine_by_any_name_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        check_public(url)


def test_one_private_address_condemns_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(monkeypatch, "93.184.216.34", "10.0.0.1")
    with pytest.raises(BadAddress, match="private network"):
        check_public("https://two-faced.example")


def test_an_unknown_name_is_said_to_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(BadAddress, match=r"nowhere\.example"):
        check_public("https://nowhere.example")


def test_the_operator_allows_his_sandbox_and_nothing_beside_it() -> None:
    allow = ["http://127.0.0.1:8100"]
    assert check_public("http://127.0.0.1:8100/acme", allow)
    for other in ("http://127.0.0.1:8101", "http://127.0.0.2:8100", "https://127.0.0.1:8100"):
        with pytest.raises(BadAddress):
            check_public(other, allow)


def test_a_simulator_plays_the_vendor_on_the_same_paths() -> None:
    played = VENDOR.on("http://127.0.0.1:8100/acme/")
    assert played.api == "http://127.0.0.1:8100/acme/v3/company/{realm_id}"
    assert played.token == "http://127.0.0.1:8100/acme/oauth2/token"
    assert played.more["connections"] == "http://127.0.0.1:8100/acme/connections"
    assert played.revoke == ""
    assert Addresses(api="{base_url}/jsonrpc").on("http://127.0.0.1:1").api == "http://127.0.0.1:1/jsonrpc"
    assert Addresses(api="https://{account}.books.example/v1").on("http://127.0.0.1:1").api == "http://127.0.0.1:1/v1"


def test_settings_fill_their_places_and_a_missing_one_waits() -> None:
    assert VENDOR.filled({"realm_id": 4620816365}).api.endswith("/v3/company/4620816365")
    assert VENDOR.filled({}).api == VENDOR.api
    assert Addresses(api="{base_url}/jsonrpc").filled({"base_url": "https://odoo.example/"}).api == (
        "https://odoo.example/jsonrpc"
    )
    assert Addresses(api="https://{account}.books.example").filled({"account": "tstdrv-1"}).api == (
        "https://tstdrv-1.books.example"
    )


@pytest.mark.parametrize(
    ("address", "value"),
    [
        ("https://{account}.books.example", "evil.example/"),
        ("https://{account}.books.example", "evil.example#"),
        ("https://{account}.books.example", "a@evil"),
        ("https://{account}.books.example", "a.b"),
        ("https://books.example/{account}/v1", ".."),
        ("{account}/v1", "file:///etc/passwd"),
        ("{account}/v1", "https://books.example?x="),
    ],
)
def test_a_setting_does_not_lead_the_address_elsewhere(address: str, value: str) -> None:
    with pytest.raises(BadAddress):
        Addresses(api=address).filled({"account": value})


def test_a_strange_path_segment_stays_one_segment() -> None:
    filled = Addresses(api="https://books.example/{company}/v1").filled({"company": "A/B ?#"})
    assert filled.api == "https://books.example/A%2FB%20%3F%23/v1"
