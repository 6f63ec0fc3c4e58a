"""Files on SFTP servers. A server is known by its host key, which a person has confirmed once.

fsspec's file system brings renaming and opening; its way in is replaced, since it would trust any host key and connect
to any address, and its listings, since they are held whole however long they are.
"""

from __future__ import annotations

import binascii
import errno
import io
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from itertools import islice
from typing import Any, BinaryIO

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from fsspec.implementations.sftp import SFTPFileSystem
from paramiko.hostkeys import HostKeyEntry, InvalidHostKey

from . import dialing, remote
from .errors import BadAddress, ConsentLost, Forbidden, Missing, OutOfLimits, TryLater, VendorError
from .folders import RenameRefused, Tick
from .remote import Entry, Server

PIECE = 64 * 1024
AHEAD = 64  # pieces that are asked for before they are needed: more would fill the memory
NAME = "server"  # under which the one host key is known to the client
KEYS: dict[type[Any], tuple[type[paramiko.PKey], PrivateFormat]] = {
    Ed25519PrivateKey: (paramiko.Ed25519Key, PrivateFormat.OpenSSH),
    EllipticCurvePrivateKey: (paramiko.ECDSAKey, PrivateFormat.TraditionalOpenSSL),
    RSAPrivateKey: (paramiko.RSAKey, PrivateFormat.TraditionalOpenSSL),
}


class UnknownHost(BadAddress):
    """The server's host key is not the one that a person has confirmed; nothing was sent. `key`: type and key, in text."""

    def __init__(self, key: str, *, known: str) -> None:
        self.key = key
        was = f" It was {fingerprint(known)} when a person confirmed it." if known else ""
        super().__init__(
            explanation=f"The server shows the host key {fingerprint(key)}, which nobody has confirmed.{was}",
            advice="Compare it with what the server's owner says, by telephone say, and confirm it on the connection's page."
            if not known
            else "Ask the server's owner whether the key was changed. If not, somebody is in between: confirm nothing.",
        )


def fingerprint(key: str) -> str:
    """A host key as people compare it: ssh-ed25519 SHA256:…"""
    kind, _, coded = key.partition(" ")
    try:
        digest = sha256(binascii.a2b_base64(coded)).digest()
    except binascii.Error:
        return key[:60]
    return f"{kind} SHA256:{binascii.b2a_base64(digest, newline=False).decode().rstrip('=')}"


class SftpServer(Server):
    """A log-in at an SFTP server, by password or private key.

    `host_key` is the confirmed one, "ssh-ed25519 AAAA…". Raises UnknownHost before anything of ours is sent.
    """

    def __init__(
        self,
        where: tuple[str, str, int],
        *,
        user: str,
        password: str = "",
        private_key: str = "",
        host_key: str = "",
        allow: Sequence[str] = (),
        seconds: float = 30.0,
    ) -> None:
        self.name = f"sftp://{user}@{where[1]}:{where[2]}"
        self._client = paramiko.SSHClient()
        pinned = Pinned(host_key.strip())
        pinned.teach(self._client)
        own = _private_key(private_key, password) if private_key.strip() else None
        with _said(self.name):
            line = dialing.dial(where, allow=allow, seconds=seconds)
            try:
                self._client.connect(
                    NAME,
                    sock=line,
                    username=user,
                    password=None if own else password,
                    pkey=own,
                    allow_agent=False,
                    look_for_keys=False,
                    timeout=seconds,
                    banner_timeout=seconds,
                    auth_timeout=seconds,
                    channel_timeout=seconds,
                )
            except paramiko.BadHostKeyException as error:
                raise pinned.strange(error.key) from error
            except BaseException:
                line.close()
                raise
            self._fs = _Files(self._client)
            self._sftp = self._fs.ftp
            channel = self._sftp.get_channel()
            if channel is not None:
                channel.settimeout(seconds)

    def entries(self, folder: str) -> Iterator[Entry]:
        with _said(folder or "the folder"):
            # To its end before anything else is asked: its answers would be taken for those of other questions.
            found = list(islice(self._sftp.listdir_iter(folder or "."), remote.MOST_NAMES + 1))
        for told in found:
            yield _entry(told.filename, told)

    def look(self, path: str) -> Entry | None:
        try:
            with _said(path):
                return _entry(path.rpartition("/")[2], self._sftp.stat(path))
        except Missing:
            return None

    def read(self, path: str, take: Callable[[bytes], None]) -> None:
        with _said(path), self._fs.open(path, "rb") as file:
            file.prefetch(max_concurrent_requests=AHEAD)
            while piece := file.read(PIECE):
                take(piece)

    def write(self, path: str, content: BinaryIO, tick: Tick) -> None:
        with _said(path), self._sftp.open(path, "wb") as file:
            file.set_pipelined(True)
            while piece := content.read(PIECE):
                file.write(piece)
                tick()

    def rename(self, old: str, new: str) -> None:
        with _said(new):
            try:
                self._fs.mv(old, new)  # the extension that replaces what is there
            except OSError:
                try:
                    self._sftp.rename(old, new)
                except OSError as error:
                    raise RenameRefused(str(error)) from error

    def remove(self, path: str) -> None:
        with suppress(Missing), _said(path):
            self._sftp.remove(path)

    def make(self, folder: str) -> None:
        if self.look(folder) is None:
            with _said(folder):
                self._sftp.mkdir(folder)

    def close(self) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException):
            self._client.close()


class _Files(SFTPFileSystem):  # type: ignore[misc]  # fsspec has no types
    """fsspec's commands over a log-in of ours."""

    def __init__(self, client: paramiko.SSHClient) -> None:
        self.client = client
        super().__init__(NAME, skip_instance_cache=True)

    def _connect(self) -> None:
        self.ftp = self.client.open_sftp()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path


class Pinned(paramiko.MissingHostKeyPolicy):
    """Lets nobody in but the server whose host key was confirmed."""

    def __init__(self, confirmed: str) -> None:
        self.confirmed = confirmed

    def teach(self, client: paramiko.SSHClient) -> None:
        """Let the client ask for this very key. Raises BadAddress where the text is no host key."""
        client.set_missing_host_key_policy(self)
        if not self.confirmed:
            return
        try:
            entry = HostKeyEntry.from_line(f"{NAME} {self.confirmed}")
        except (InvalidHostKey, paramiko.SSHException, ValueError):
            entry = None
        if entry is None or entry.key is None:
            raise BadAddress(
                explanation="The host key in the settings is not of the form “ssh-ed25519 AAAA…”.",
                advice="Empty it, test the connection, and confirm the key that the server shows.",
            )
        client.get_host_keys().add(NAME, entry.key.get_name(), entry.key)

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        raise self.strange(key)

    def strange(self, key: paramiko.PKey) -> UnknownHost:
        return UnknownHost(f"{key.get_name()} {key.get_base64()}", known=self.confirmed)


def _private_key(text: str, passphrase: str) -> paramiko.PKey:
    """The key in this text; the password opens it where it is locked. Raises ConsentLost.

    It is read by `cryptography`: paramiko takes every second ECDSA key that others wrote for none.
    """
    data, password = text.strip().encode() + b"\n", passphrase.encode() or None
    load = load_ssh_private_key if b"OPENSSH" in data else load_pem_private_key
    try:
        try:
            key = load(data, password)
        except TypeError:  # the password is none of the key's, or the key's is missing
            key = load(data, None)
        for kind, (ours, form) in KEYS.items():
            if isinstance(key, kind):
                plain = key.private_bytes(Encoding.PEM, form, NoEncryption())
                return ours.from_private_key(io.StringIO(plain.decode()))
    except (ValueError, TypeError, UnsupportedAlgorithm, paramiko.SSHException):
        pass
    raise ConsentLost(
        explanation="The private key is none that can be used, or its password is missing or wrong.",
        advice="Paste an Ed25519, ECDSA or RSA key, from BEGIN to END, and its password if it has one.",
    )


def _entry(name: str, told: paramiko.SFTPAttributes) -> Entry:
    """What the server says of a name; one that leads elsewhere (a link) counts as no file."""
    is_file = told.st_mode is None or stat.S_ISREG(told.st_mode)
    return Entry(name=name, is_folder=not is_file, size=told.st_size or 0, modified=float(told.st_mtime or 0))


@contextmanager
def _said(what: str) -> Iterator[None]:
    """Turns what the server or the line says into our errors."""
    try:
        yield
    except (VendorError, RenameRefused):
        raise
    except paramiko.AuthenticationException as error:
        raise ConsentLost(
            str(error), explanation="The file server does not accept the user name with this password or key."
        ) from error
    except (paramiko.SSHException, EOFError) as error:
        raise TryLater(
            str(error), sent=False, explanation="The connection to the file server was lost or never made."
        ) from error
    except UnicodeDecodeError as error:
        raise Missing(
            explanation="A name in the folder is not written in UTF-8, so the folder cannot be listed.",
            advice="Have that file renamed or moved away.",
        ) from error
    except OSError as error:
        raise _by_number(error, what) from error


def _by_number(error: OSError, what: str) -> VendorError:
    if error.errno == errno.ENOENT:
        return Missing(
            str(error), explanation=f"The file server has no {what}.", advice="Check the folder in the settings."
        )
    if error.errno == errno.EACCES:
        return Forbidden(
            str(error),
            explanation=f"The user may not use {what} on the file server.",
            advice="Give the user the right there, or choose another folder.",
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutOfLimits(str(error), explanation="The file server has no space left.", advice="Make room there.")
    return TryLater(
        str(error) or "the line was cut", sent=False, explanation="The connection to the file server failed."
    )
