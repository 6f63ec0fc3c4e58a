"""Real servers for files on this machine: FTP and FTPS by pyftpdlib, SFTP by asyncssh, and how they may misbehave."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

USER, PASSWORD = "trader", "tin mug 7"


@dataclass
class Running:
    """A server: where it is, what lies in it, and what it is to do wrong."""

    scheme: str
    root: Path
    port: int = 0
    host_key: str = ""
    certificate: str = ""
    cut_after: int | None = None  # bytes of an upload after which the line is cut
    keeps_what_is_there: bool = False  # refuses to rename over a file
    is_full: bool = False
    commands: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        told = {"address": self.address, "user": USER, "host_key": self.host_key, "certificate": self.certificate}
        return {name: value for name, value in told.items() if value}

    @property
    def names(self) -> list[str]:
        return sorted(path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())


@contextmanager
def ftp(root: Path, *, tls: Path | None = None, port: int = 0, mlsd: bool = True, tells: str = "") -> Iterator[Running]:
    """An FTP server over this folder; with `tls`, a folder for its certificate. `tells`: what PASV says it is."""
    running = Running(scheme="ftps" if tls else "ftp", root=root)

    class Transfer(TLS_DTPHandler if tls else DTPHandler):
        def handle_read_event(self) -> None:
            super().handle_read_event()
            if running.cut_after is not None and self.receive and self.get_transmitted_bytes() >= running.cut_after:
                running.cut_after = None
                self.cmd_channel.close()
                self.close()

    class Handler(TLS_FTPHandler if tls else FTPHandler):
        dtp_handler = Transfer
        passive_ports = None
        masquerade_address = tells or None

        def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
            running.commands.append(cmd)
            super().pre_process_command(line, cmd, arg)

        def ftp_RNTO(self, path: str) -> Any:
            if running.keeps_what_is_there and os.path.exists(path):
                return self.respond("550 There is a file of that name.")
            return super().ftp_RNTO(path)

        def ftp_STOR(self, *args: Any, **options: Any) -> Any:
            if running.is_full:
                return self.respond("452 No space is left.")
            return super().ftp_STOR(*args, **options)

    if not mlsd:
        Handler.proto_cmds = {name: told for name, told in Handler.proto_cmds.items() if name not in ("MLSD", "MLST")}
    if tls:
        running.certificate = certificate(tls)
        Handler.certfile = str(tls / "server.pem")
        Handler.tls_control_required = Handler.tls_data_required = True
    Handler.authorizer = DummyAuthorizer()
    Handler.authorizer.add_user(USER, PASSWORD, str(root), perm="elradfmwMT")
    Handler.auth_failed_timeout = 0
    server = FTPServer(("127.0.0.1", port), Handler, ioloop=IOLoop())
    running.port = server.address[1]
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            server.ioloop.loop(timeout=0.05, blocking=False)
        server.close_all()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        stop.set()
        thread.join(10)


def certificate(folder: Path) -> str:
    """A certificate for this machine, signed by itself; the file server.pem holds its key too."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "files.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(secret + text)
    return text.decode()


@contextmanager
def sftp(root: Path, *, port: int = 0, key: asyncssh.SSHKey | None = None, people: str = "") -> Iterator[Running]:
    """An SFTP server over this folder. `people`: public keys that may log in, as in authorized_keys."""
    running = Running(scheme="sftp", root=root)
    own = key or asyncssh.generate_private_key("ssh-ed25519")
    running.host_key = " ".join(own.export_public_key().decode().split()[:2])

    class Door(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            self.conn = conn

        def begin_auth(self, username: str) -> bool:
            if people:
                self.conn.set_authorized_keys(asyncssh.import_authorized_keys(people))
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: asyncssh.SSHServerChannel) -> None:
            super().__init__(channel, chroot=os.fsencode(root))
            self.line = channel.get_connection()
            self.written = 0

        def write(self, file_obj: Any, offset: int, data: bytes) -> Any:
            if running.is_full:
                raise asyncssh.SFTPFailure("No space is left.")
            if running.cut_after is not None and self.written + len(data) >= running.cut_after:
                running.cut_after = None
                super().write(file_obj, offset, data[: len(data) // 2])
                self.line.abort()
                raise asyncssh.SFTPConnectionLost("cut")
            self.written += len(data)
            return super().write(file_obj, offset, data)

        def rename(self, oldpath: bytes, newpath: bytes) -> None:
            if os.path.exists(self.map_path(newpath)):
                raise asyncssh.SFTPFailure("There is a file of that name.")
            super().rename(oldpath, newpath)

        def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
            if running.keeps_what_is_there:
                raise asyncssh.SFTPOpUnsupported("not here")
            super().posix_rename(oldpath, newpath)

    loop = asyncio.new_event_loop()

    async def begin() -> Any:
        return await asyncssh.listen(
            "127.0.0.1", port, server_host_keys=[own], server_factory=Door, sftp_factory=Files, reuse_address=True
        )

    acceptor = loop.run_until_complete(begin())
    running.port = acceptor.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def end() -> None:
        acceptor.close()
        await acceptor.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        yield running
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
