"""Where the files of a connection lie: here below a root, or on the server that a person named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from . import addresses
from .errors import ConsentLost
from .folders import Folder
from .ftp import FtpServer
from .local import LocalFolder
from .remote import RemoteFolder, Server
from .sftp import SftpServer

Opens = Callable[[str], AbstractContextManager[Folder]]
"""Opens a folder by its name in the settings, and closes what it took to reach it."""

PEM = re.compile(r"(-----BEGIN ([A-Z0-9 ]+)-----)(.*?)(-----END \2-----)\s*", re.DOTALL)
SECONDS = 30.0  # until a server must have said something


def local(root: Path) -> Opens:
    """Folders of this machine, below that root."""

    @contextmanager
    def opens(folder: str) -> Iterator[Folder]:
        yield LocalFolder(root, folder)

    return opens


def place_of(
    settings: Mapping[str, Any], secrets: Mapping[str, str], *, root: Path, allow: Sequence[str] = ()
) -> Opens:
    """Folders at the `address` in a connection's settings (ftp, ftps or sftp); below the root where it names none.

    Raises BadAddress, ConsentLost and TryLater when a folder is opened.
    """
    if not settings.get("address"):
        return local(root)

    @contextmanager
    def opens(folder: str) -> Iterator[Folder]:
        server = _server(settings, secrets, allow)
        try:
            yield RemoteFolder(server, folder)
        finally:
            server.close()

    return opens


def is_readable_by_others(settings: Mapping[str, Any]) -> bool:
    """Whether passwords and files cross the network in plain words."""
    return str(settings.get("address") or "").strip().lower().startswith("ftp://")


def pem(text: str) -> str:
    """Certificates or keys with the line breaks that they lose in a form field of one line."""
    return PEM.sub(lambda part: f"{part[1]}\n{part[3].replace(' ', chr(10)).strip()}\n{part[4]}\n", text.strip())


def _server(settings: Mapping[str, Any], secrets: Mapping[str, str], allow: Sequence[str]) -> Server:
    where = addresses.file_server(str(settings["address"]))
    user = str(settings.get("user") or "")
    if not user:
        raise ConsentLost(explanation="The user name for the file server is missing.", advice="Fill it in.")
    if where[0] == "sftp":
        return SftpServer(
            where,
            user=user,
            password=secrets.get("password", ""),
            private_key=pem(secrets.get("private_key", "")),
            host_key=str(settings.get("host_key") or ""),
            allow=allow,
            seconds=SECONDS,
        )
    return FtpServer(
        where,
        user=user,
        password=secrets.get("password", ""),
        certificate=pem(str(settings.get("certificate") or "")),
        allow=allow,
        seconds=SECONDS,
    )
