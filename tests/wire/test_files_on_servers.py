"""Files on real servers: FTP, FTPS and SFTP on this machine, as they should be and as they should not."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from integrations.wire import ftp as ftp_module
from integrations.wire import places, remote
from integrations.wire.errors import (
    BadAddress,
    ConsentLost,
    Missing,
    OutOfLimits,
    TryLater,
    VendorError,
)
from integrations.wire.files import send
from integrations.wire.message import Request, json_of
from integrations.wire.places import place_of
from integrations.wire.publishing import digest_of, drafts
from integrations.wire.remote import RemoteFolder
from integrations.wire.sftp import UnknownHost, fingerprint

from .servers import PASSWORD, USER, Running, ftp, sftp

TABLE = "key,item\n{},A\n"
READING = '{"key": "key"}'
KINDS = ("ftp", "ftps", "sftp")


@dataclass
class Partner:
    """Somebody with whom files are exchanged: the server, and our way to it."""

    server: Running
    spool: Path

    def ask(self, method: str, path: str = "box", settings: dict[str, str] | None = None, **params: str) -> Any:
        at = place_of(
            self.server.settings | (settings or {}),
            {"password": PASSWORD},
            root=self.spool / "nowhere",
            allow=(self.server.address,),
        )
        return json_of(send(Request(method=method, path=path, params=params), at=at, spool=self.spool))

    def read(self, pattern: str = "*.csv", **more: str) -> Any:
        return self.ask("READ", pattern=pattern, reading=READING, **more)

    def put(self, name: str, key: str, *, age: float = 600.0) -> Path:
        file = self.server.root / "box" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(TABLE.format(key))
        os.utime(file, (time.time() - age, time.time() - age))
        return file

    def publish(self, content: bytes, to: str = "list.fil") -> None:
        self.upload(content, to)
        self.release(content, to)

    def upload(self, content: bytes, to: str = "list.fil") -> Any:
        draft = drafts(self.spool) / "draft"
        draft.write_bytes(content)
        return self.ask("UPLOAD", draft="draft", **_wanted(content, to))

    def release(self, content: bytes, to: str = "list.fil") -> Any:
        return self.ask("RELEASE", **_wanted(content, to))


def _wanted(content: bytes, to: str) -> dict[str, str]:
    import io

    return {"to": to, "size": str(len(content)), "digest": digest_of(io.BytesIO(content))}


Opens = Callable[..., AbstractContextManager[Running]]


def opened(kind: str, root: Path, tls: Path, **more: Any) -> AbstractContextManager[Running]:
    """A server of this kind over that folder."""
    if kind == "sftp":
        return sftp(root, **more)
    return ftp(root, tls=tls if kind == "ftps" else None, **more)


@pytest.fixture(autouse=True)
def moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """For how long a file must stand unchanged: shorter than in life."""
    monkeypatch.setattr(RemoteFolder, "moment", 0.0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "server"
    (folder / "box").mkdir(parents=True)
    (tmp_path / "tls").mkdir()
    return folder


@pytest.fixture(params=KINDS)
def partner(request: pytest.FixtureRequest, root: Path, tmp_path: Path) -> Iterator[Partner]:
    with opened(request.param, root, tmp_path / "tls") as server:
        yield Partner(server, tmp_path / "spool")


@pytest.fixture
def plain(root: Path, tmp_path: Path) -> Iterator[Partner]:
    with ftp(root) as server:
        yield Partner(server, tmp_path / "spool")


@pytest.fixture
def secure(root: Path, tmp_path: Path) -> Iterator[Partner]:
    with sftp(root) as server:
        yield Partner(server, tmp_path / "spool")


def keys(answer: Any) -> list[str]:
    return [document["key"] for document in answer["documents"]]


# Reading


def test_files_are_read_from_a_server_oldest_first_and_fetched_once(partner: Partner) -> None:
    partner.put("b.csv", "1", age=900)
    partner.put("a.csv", "2", age=700)
    partner.put("sub/c.csv", "3")
    assert keys(partner.read()) == ["1", "2"]
    assert keys(partner.read("*/*.csv")) == ["3"]
    partner.server.commands.clear()
    assert keys(partner.read()) == ["1", "2"]
    assert "RETR" not in partner.server.commands


def test_a_file_that_changed_is_fetched_again(partner: Partner) -> None:
    partner.put("a.csv", "1")
    assert keys(partner.read()) == ["1"]
    partner.put("a.csv", "22", age=300)
    assert keys(partner.read()) == ["22"]


def test_a_file_that_grows_is_left_for_the_next_time(partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RemoteFolder, "moment", 0.5)
    file = partner.put("a.csv", "1")

    def go_on_writing() -> None:
        time.sleep(0.25)
        with file.open("a") as more:
            more.write("1,B\n")

    writer = threading.Thread(target=go_on_writing)
    writer.start()
    with pytest.raises(TryLater, match="being written"):
        partner.read()
    writer.join()
    (document,) = partner.read()["documents"]
    assert len(document["rows"]) == 2


def test_what_was_fetched_stands_nowhere_afterwards(partner: Partner) -> None:
    partner.put("a.csv", "1")
    partner.read()
    assert [path for path in partner.spool.iterdir() if path.name.startswith("arriving")] == []


def test_an_empty_folder_is_an_empty_answer_and_one_that_is_not_there_says_so(partner: Partner) -> None:
    assert keys(partner.read()) == []
    with pytest.raises(Missing):
        partner.ask("LIST", path="elsewhere")


def test_a_server_that_tells_only_names_is_asked_for_each_file(root: Path, tmp_path: Path) -> None:
    with ftp(root, mlsd=False) as server:
        partner = Partner(server, tmp_path / "spool")
        partner.put("b.csv", "1", age=900)
        partner.put("a.csv", "2", age=700)
        (root / "box" / "folder.csv").mkdir()
        assert keys(partner.read()) == ["1", "2"]
        assert keys(partner.read()) == ["1", "2"]
        partner.publish(b"1\r\n")
        assert (root / "box" / "list.fil").read_bytes() == b"1\r\n"


def test_ten_thousand_names_are_listed(partner: Partner) -> None:
    for number in range(10_000):
        (partner.server.root / "box" / f"order-{number:05}.txt").touch()
    partner.put("the one.csv", "1")
    assert keys(partner.read()) == ["1"]
    assert len(partner.ask("LIST", pattern="order-*.txt")["files"]) == 10_000


def test_names_that_lead_elsewhere_or_hold_odd_signs_are_told_and_never_used(partner: Partner) -> None:
    partner.put("Zürich 100 %.csv", "1")
    partner.put("a;type=file;b.csv", "2")
    partner.put("..csv", "hidden")
    partner.put("\x1b[31m.csv", "odd")
    partner.put("back\\slash.csv", "odd")
    answer = partner.read()
    assert sorted(keys(answer)) == ["1", "2"]
    assert {problem["path"] for problem in answer["problems"]} == {"?[31m.csv", "back\\slash.csv"}


def test_a_name_that_is_no_utf8_stops_no_other_file(plain: Partner) -> None:
    (Path(os.fsdecode(os.fsencode(plain.server.root / "box") + b"/caf\xe9.csv"))).write_text(TABLE.format("2"))
    plain.put("a.csv", "1")
    assert "1" in keys(plain.read())


def test_listings_that_lie_lead_nowhere(plain: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [
        "type=file;size=9;modify=20260101000000; ../../etc/passwd.csv",
        "type=file;size=9; /etc/shadow.csv",
        "nonsense",
    ]
    monkeypatch.setattr(ftp_module._Plain, "retrlines", lambda self, cmd, take=None: [take(line) for line in told])
    answer = plain.read()
    assert keys(answer) == []
    assert len(answer["problems"]) == 2


# Getting in


def test_a_wrong_password_needs_a_person(partner: Partner) -> None:
    with pytest.raises(ConsentLost):
        partner.ask("LIST", settings={"user": "stranger"})


def test_a_server_that_is_gone_is_tried_again_and_found_when_it_is_back(
    root: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for kind in KINDS:
        key = {"key": asyncssh.generate_private_key("ssh-ed25519")} if kind == "sftp" else {}
        with opened(kind, root, tmp_path / "tls", **key) as server:
            partner = Partner(server, tmp_path / kind)
            partner.ask("LIST")
        with pytest.raises(TryLater):
            partner.ask("LIST")
        with opened(kind, root, tmp_path / "tls", port=server.port, **key) as again:
            Partner(again, tmp_path / kind).ask("LIST")


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_says_nothing_is_not_waited_for(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"{kind}://127.0.0.1:{silent.getsockname()[1]}"
        at = place_of({"address": address, "user": USER}, {"password": PASSWORD}, root=tmp_path, allow=(address,))
        begun = time.monotonic()
        with pytest.raises(TryLater):
            send(Request(method="LIST", path="box"), at=at, spool=tmp_path / "spool")
        assert time.monotonic() - begun < 5


def test_a_listing_without_end_is_not_followed(partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MOST_NAMES", 50)
    for number in range(60):
        (partner.server.root / "box" / f"{number}.txt").touch()
    with pytest.raises(Missing, match="more than 50 names"):
        partner.read()


def test_an_address_in_a_private_network_is_not_connected_to(partner: Partner) -> None:
    at = place_of(partner.server.settings, {"password": PASSWORD}, root=partner.spool)
    partner.server.commands.clear()
    with pytest.raises(BadAddress, match="private network"):
        send(Request(method="LIST", path="box"), at=at, spool=partner.spool)
    assert partner.server.commands == []


def test_a_passive_answer_that_names_another_host_is_not_followed(root: Path, tmp_path: Path) -> None:
    with ftp(root, tells="192.0.2.7") as server:
        partner = Partner(server, tmp_path / "spool")
        partner.put("a.csv", "1")
        assert keys(partner.read()) == ["1"]


def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_password_is_sent(
    root: Path, tmp_path: Path
) -> None:
    with ftp(root, tls=tmp_path / "tls") as server:
        partner = Partner(server, tmp_path / "spool")
        with pytest.raises(BadAddress, match="not trusted"):
            partner.ask("LIST", settings={"certificate": ""})
        assert "PASS" not in server.commands
        other = tmp_path / "other"
        other.mkdir()
        from .servers import certificate

        with pytest.raises(BadAddress, match="not trusted"):
            partner.ask("LIST", settings={"certificate": certificate(other)})
        assert "PASS" not in server.commands


def test_a_certificate_pasted_into_one_line_is_understood(root: Path, tmp_path: Path) -> None:
    with ftp(root, tls=tmp_path / "tls") as server:
        Partner(server, tmp_path / "spool").ask("LIST", settings={"certificate": server.certificate.replace("\n", " ")})


def test_a_server_without_tls_is_given_no_password(plain: Partner) -> None:
    address = plain.server.address.replace("ftp:", "ftps:")
    at = place_of(
        plain.server.settings | {"address": address}, {"password": PASSWORD}, root=plain.spool, allow=(address,)
    )
    with pytest.raises(BadAddress, match="does not offer TLS"):
        send(Request(method="LIST", path="box"), at=at, spool=plain.spool)
    assert "PASS" not in plain.server.commands


def test_a_host_key_is_shown_to_a_person_and_nobody_else_is_let_in(root: Path, tmp_path: Path) -> None:
    with sftp(root) as server:
        partner = Partner(server, tmp_path / "spool")
        with pytest.raises(UnknownHost, match="SHA256:") as unknown:
            partner.ask("LIST", settings={"host_key": ""})
        assert unknown.value.key == server.host_key
        assert fingerprint(server.host_key) == asyncssh.import_public_key(server.host_key).get_fingerprint().join(
            ["ssh-ed25519 ", ""]
        )
        confirmed = server.host_key
    with sftp(root, port=server.port) as impostor:
        with pytest.raises(UnknownHost, match="It was") as changed:
            Partner(impostor, tmp_path / "spool").ask("LIST", settings={"host_key": confirmed})
        assert changed.value.key == impostor.host_key
    with (
        sftp(root, key=asyncssh.generate_private_key("ecdsa-sha2-nistp256")) as other,
        pytest.raises(UnknownHost, match="It was"),
    ):
        Partner(other, tmp_path / "spool").ask("LIST", settings={"host_key": confirmed})


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
def test_a_private_key_opens_an_sftp_server(kind: str, root: Path, tmp_path: Path) -> None:
    key = asyncssh.generate_private_key(kind)
    with sftp(root, people=key.export_public_key().decode()) as server:
        for text, password in (
            (key.export_private_key("openssh").decode(), ""),
            (key.export_private_key("openssh").decode().replace("\n", " "), ""),
            (key.export_private_key("openssh", passphrase="knock").decode(), "knock"),
            (key.export_private_key("pkcs8-pem").decode(), ""),
            (key.export_private_key("openssh").decode(), PASSWORD),  # a password that the key does not need
        ):
            secrets = {"private_key": text, "password": password}
            at = place_of(server.settings, secrets, root=tmp_path, allow=(server.address,))
            send(Request(method="LIST", path="box"), at=at, spool=tmp_path / "spool")
        stranger = asyncssh.generate_private_key(kind).export_private_key("openssh").decode()
        for text in (stranger, "no key at all"):
            at = place_of(server.settings, {"private_key": text}, root=tmp_path, allow=(server.address,))
            with pytest.raises(ConsentLost):
                send(Request(method="LIST", path="box"), at=at, spool=tmp_path / "spool")


def test_no_error_tells_the_password(partner: Partner) -> None:
    said = []
    for settings in ({"user": "stranger"}, {"address": partner.server.address + "9"}, {"host_key": "ssh-rsa x"}):
        try:
            partner.ask("LIST", settings=settings)
        except VendorError as error:
            said.append(str(error))
    assert said
    assert not any(PASSWORD in words for words in said)


# Publishing


def test_a_file_appears_whole_under_its_name_and_replaces_the_old_one(partner: Partner) -> None:
    for content in (b"old\r\n", b"", b"new\r\n" * 50_000):
        partner.publish(content)
        assert (partner.server.root / "box" / "list.fil").read_bytes() == content
        assert partner.server.names == ["box/list.fil"]


def test_a_cut_off_upload_leaves_the_old_file_and_no_litter_after_the_next_try(partner: Partner) -> None:
    partner.publish(b"old\r\n")
    partner.server.cut_after = 200_000
    with pytest.raises(TryLater) as cut:
        partner.publish(b"new\r\n" * 100_000)
    assert not cut.value.may_have_acted
    assert (partner.server.root / "box" / "list.fil").read_bytes() == b"old\r\n"
    partner.publish(b"new\r\n")
    assert (partner.server.root / "box" / "list.fil").read_bytes() == b"new\r\n"
    assert partner.server.names == ["box/list.fil"]


def test_a_server_that_does_not_rename_over_a_file_has_the_old_one_removed_first(partner: Partner) -> None:
    partner.server.keeps_what_is_there = True
    partner.publish(b"old\r\n")
    partner.publish(b"new\r\n")
    assert (partner.server.root / "box" / "list.fil").read_bytes() == b"new\r\n"
    assert partner.server.names == ["box/list.fil"]


def test_a_file_is_released_once_however_often_it_is_asked(partner: Partner) -> None:
    partner.upload(b"1\r\n", "orders1.fil")
    assert partner.release(b"1\r\n", "orders1.fil") == {"released": "now"}
    (partner.server.root / "box" / "orders1.fil").unlink()  # its reader took it
    assert partner.release(b"1\r\n", "orders1.fil") == {"released": "before"}
    assert partner.server.names == []


def test_what_stands_there_is_read_again_for_its_digest(partner: Partner) -> None:
    partner.publish(b"1\r\n")
    assert partner.ask("DIGEST", file="list.fil")["digest"] == _wanted(b"1\r\n", "")["digest"]
    assert partner.ask("DIGEST", file="gone.fil") == {"size": None, "digest": None}


def test_a_folder_that_is_not_there_is_not_made_but_told(partner: Partner) -> None:
    with pytest.raises(VendorError):
        partner.publish(b"1\r\n", "latest1042/list.fil")


def test_a_full_server_says_so(plain: Partner) -> None:
    plain.server.is_full = True
    with pytest.raises(OutOfLimits, match="no space"):
        plain.publish(b"1\r\n")


@pytest.mark.parametrize(
    "path", ["../list.fil", "/list.fil", "a/../../list.fil", "a\nb.fil", "", "a//b", "..\\list.fil"]
)
def test_no_path_leads_out_of_the_folder(plain: Partner, path: str) -> None:
    with pytest.raises(BadAddress):
        plain.upload(b"1\r\n", path)
    assert plain.server.names == []


def test_time_is_up_in_the_middle_of_a_transfer(partner: Partner) -> None:
    at = place_of(partner.server.settings, {"password": PASSWORD}, root=partner.spool, allow=(partner.server.address,))
    (drafts(partner.spool) / "draft").write_bytes(b"x" * 10_000_000)
    request = Request(method="UPLOAD", path="box", params={"draft": "draft", **_wanted(b"", "list.fil")})
    with pytest.raises(TryLater, match="in the time"):
        send(request, at=at, spool=partner.spool, deadline=time.monotonic())
    assert "box/list.fil" not in partner.server.names


# Picking up


def picked(partner: Partner, *marks: str, how: str = "move", leave: str = "[]") -> list[str]:
    import json

    answer = partner.ask("PICK_UP", pattern="*.csv", reading=READING, marks=json.dumps(marks), how=how, leave=leave)
    return list(answer["picked_up"])


def test_what_every_stream_has_kept_is_moved_and_nothing_else(partner: Partner) -> None:
    partner.put("a.csv", "1")
    first = partner.read()["mark"]
    partner.put("b.csv", "2")
    second = partner.read()["mark"]
    assert picked(partner, first, second) == ["a.csv"]
    assert picked(partner, first, second) == []
    assert partner.server.names == ["box/b.csv", "box/processed/a.csv"]
    assert keys(partner.read()) == ["2"]


def test_a_file_of_a_name_that_was_picked_up_before_replaces_nothing(partner: Partner) -> None:
    for key in ("1", "2"):
        partner.put("a.csv", key)
        assert picked(partner, partner.read()["mark"]) == ["a.csv"]
    assert len(partner.server.names) == 2


def test_deleted_is_only_what_was_read_as_it_stands_now(partner: Partner) -> None:
    partner.put("a.csv", "1")
    partner.put("b.csv", "2")
    mark = partner.read()["mark"]
    partner.put("b.csv", "33")
    assert picked(partner, mark, how="delete") == ["a.csv"]
    assert partner.server.names == ["box/b.csv"]


def test_a_file_with_a_bad_row_or_one_that_needs_a_person_stays(partner: Partner) -> None:
    partner.put("a.csv", "1")
    (partner.server.root / "box" / "bad.csv").write_text("key,item\n1,A,too,many\n")
    os.utime(partner.server.root / "box" / "bad.csv", (0, time.time() - 600))
    partner.put("c.csv", "3")
    assert picked(partner, partner.read()["mark"], how="delete", leave='["c.csv"]') == ["a.csv"]
    assert partner.server.names == ["box/bad.csv", "box/c.csv"]


def test_a_fresh_file_stays_for_a_while_because_it_may_still_be_written(partner: Partner) -> None:
    partner.put("a.csv", "1", age=0)
    assert picked(partner, partner.read()["mark"]) == []


def test_nothing_is_picked_up_where_it_is_forgotten_what_was_kept(partner: Partner) -> None:
    partner.put("a.csv", "1")
    assert picked(partner, "0" * 32) == []
    assert picked(partner) == []
    assert partner.server.names == ["box/a.csv"]
