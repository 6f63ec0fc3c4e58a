"""A folder on a server for files: the same for FTP, FTPS and SFTP, over the few things that each of them can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, Protocol, cast

from .errors import Missing, TryLater
from .folders import File, Folder, Tick, check_path, check_pattern, fits, is_plain

MOST_NAMES = 200_000  # of one folder that are looked at


def too_many() -> Missing:
    """The error for a folder, or a server, that names more files than anybody can mean."""
    return Missing(
        explanation=f"The folder holds more than {MOST_NAMES:,} names.",
        advice="Have what is done with moved elsewhere.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a server says of a name in a folder. `modified`: seconds since 1970, 0 where it does not tell."""

    name: str
    is_folder: bool
    size: int = 0
    modified: float = 0.0


class Server(Protocol):
    """What a server for files can do. Paths are as it takes them; everything that goes wrong is a VendorError."""

    name: str

    def entries(self, folder: str) -> Iterator[Entry]:
        """What stands in a folder; "" is where a log-in begins. Raises Missing where there is no such folder."""
        ...

    def look(self, path: str) -> Entry | None: ...

    def read(self, path: str, take: Callable[[bytes], None]) -> None: ...

    def write(self, path: str, content: BinaryIO, tick: Tick) -> None: ...

    def rename(self, old: str, new: str) -> None:
        """Raises RenameRefused where it does not replace what is there."""
        ...

    def remove(self, path: str) -> None: ...

    def make(self, folder: str) -> None: ...

    def close(self) -> None: ...


class RemoteFolder(Folder):
    """A folder of a server. Names that would lead elsewhere are reported and never used."""

    # Many servers tell the time of a change in whole seconds or minutes, by a clock of their own.
    settles_in = 90.0
    moment = 2.0

    def __init__(self, server: Server, folder: str) -> None:
        self._server = server
        inner = folder.strip("/")
        self._base = ("/" if folder.startswith("/") else "") + (check_path(inner) if inner not in ("", ".") else "")
        self.name = f"{server.name}/{self._base}"

    def files(self, pattern: str) -> list[File]:
        *folders, last = check_pattern(pattern).split("/")
        found: list[File] = []
        for folder in self._folders("", folders):
            for entry in self._entries(folder):
                path = f"{folder}{entry.name}"
                is_meant = fits(path, pattern) or (not is_plain(entry.name) and fnmatchcase(entry.name, f"*{last}"))
                if is_meant and not entry.is_folder:
                    found.append(_file(path, entry))
        return sorted(found, key=lambda file: (file.modified, file.path))

    def _folders(self, above: str, patterns: list[str]) -> Iterator[str]:
        """The folders that these patterns name, one for each level, each with a slash at its end."""
        if not patterns:
            yield above
            return
        first, *rest = patterns
        for entry in self._entries(above):
            if entry.is_folder and is_plain(entry.name) and fnmatchcase(entry.name, first):
                yield from self._folders(f"{above}{entry.name}/", rest)

    def _entries(self, folder: str) -> Iterator[Entry]:
        for number, entry in enumerate(self._server.entries(self._at(folder.rstrip("/")))):
            if number >= MOST_NAMES:
                raise too_many()
            yield entry

    def look(self, path: str) -> File | None:
        entry = self._server.look(self._at(check_path(path)))
        return None if entry is None or entry.is_folder else _file(path, entry)

    @contextmanager
    def held(self, file: File, *, room: Path, tick: Tick) -> Iterator[Callable[[], BinaryIO]]:
        room.mkdir(mode=0o700, parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=room, prefix="arriving-") as copy:

            def take(piece: bytes) -> None:
                if copy.tell() + len(piece) > file.size:
                    raise growing(file.path)
                copy.write(piece)
                tick()

            self._server.read(self._at(check_path(file.path)), take)
            if copy.tell() != file.size:
                raise growing(file.path)
            copy.flush()
            yield lambda: cast(BinaryIO, open(copy.name, "rb"))  # noqa: SIM115  # whoever asked for it closes it

    def put(self, path: str, content: BinaryIO, *, tick: Tick) -> None:
        self._server.write(self._at(check_path(path)), content, tick)

    def rename(self, old: str, new: str) -> None:
        self._server.rename(self._at(check_path(old)), self._at(check_path(new)))

    def remove(self, path: str) -> None:
        self._server.remove(self._at(check_path(path)))

    def make(self, folder: str) -> None:
        self._server.make(self._at(check_path(folder)))

    def _at(self, path: str) -> str:
        return f"{self._base.rstrip('/')}/{path}" if path and self._base else path or self._base


def growing(path: str) -> TryLater:
    """The error for a file that changes while it is read."""
    return TryLater(
        sent=False,
        retry_after=30,
        explanation=f"The file {path} is being written at this moment.",
        advice="Nothing needs to be done: it is read when it is complete.",
    )


def _file(path: str, entry: Entry) -> File:
    trouble, advice = "", ""
    if not is_plain(entry.name):
        path = "".join(sign if sign.isprintable() else "?" for sign in path)[:200]
        trouble = "This name leads elsewhere or holds signs that no file name should have; it is not read."
        advice = "Have the file sent again under a plain name."
    return File(
        path=path,
        size=entry.size,
        modified=entry.modified,
        stamp=f"{entry.size} {entry.modified:.0f}",
        trouble=trouble,
        advice=advice,
    )
