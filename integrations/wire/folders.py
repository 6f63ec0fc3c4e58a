"""A folder in which files are exchanged, wherever it lies: what a folder can do, and which names in it are meant."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from .errors import BadAddress

Tick = Callable[[], None]
"""Called after each piece of a transfer; raises TryLater when time is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a folder, as it was when it was looked at."""

    path: str  # below the folder, with forward slashes
    size: int  # bytes
    modified: float  # seconds since 1970
    stamp: str  # changes with the content, as far as the place can tell
    trouble: str = ""  # why it is not read
    advice: str = ""

    def plain(self) -> dict[str, Any]:
        return {"path": self.path, "size": self.size, "problem": self.trouble}


class RenameRefused(Exception):
    """The server does not put a file in the place of one that is there: remove that one first."""


class Folder(Protocol):
    """A folder beyond which nothing is read or written. Paths are below it; whatever goes wrong is a VendorError.

    `name` tells it from others. `settles_in` is for how many seconds after a change its time stamps may not yet tell a
    further one, `moment` for how many a file that nobody knows yet must stand unchanged before it is read.
    """

    name: str
    settles_in: float
    moment: float

    def files(self, pattern: str) -> list[File]:
        """The files whose names fit the pattern (packed as .gz or not), oldest first."""
        ...

    def look(self, path: str) -> File | None:
        """The file as it is now; None where there is none."""
        ...

    def held(self, file: File, *, room: Path, tick: Tick) -> AbstractContextManager[Callable[[], BinaryIO]]:
        """Opens the file's content, as often as needed; `room` is a directory for a copy of what lies elsewhere."""
        ...

    def put(self, path: str, content: BinaryIO, *, tick: Tick) -> None:
        """Write a file, in the place of one that is there."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Rename a file, over one that is there. Raises RenameRefused where the server does not do that."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file; one that is not there is no error."""
        ...

    def make(self, folder: str) -> None:
        """Make a folder below this one, if it is not there."""
        ...


def fits(path: str, pattern: str) -> bool:
    """Whether a file is meant: folders within the folder only where the pattern names them, hidden files never."""
    if path.count("/") != pattern.count("/") or path.rpartition("/")[2].startswith("."):
        return False  # many programs write under a hidden name until the file is complete
    return fnmatchcase(path, pattern) or fnmatchcase(path.removesuffix(".gz"), pattern)


def check_pattern(pattern: str) -> str:
    """The pattern. Raises BadAddress where it leads out of the folder."""
    if ".." in PurePosixPath(pattern).parts or PurePosixPath(pattern).is_absolute():
        raise BadAddress(
            pattern,
            explanation="The file pattern leads out of the folder.",
            advice="Use a pattern below the folder, like “*.csv” or “2025/*.csv”.",
        )
    return pattern


def check_path(path: str) -> str:
    """The path of a file or folder below a folder. Raises BadAddress where a part of it is no plain name."""
    if not path or not all(map(is_plain, path.split("/"))):
        raise BadAddress(
            path[:200],
            explanation="The file's name leads out of the folder, or holds signs that no file name should have.",
            advice="Use a plain name, with / only between folders.",
        )
    return path


def is_plain(name: str) -> bool:
    """Whether a name is that of a file in its folder, and can be shown and written into one line of a protocol."""
    return name not in ("", ".", "..") and not any(sign in "/\\" or not sign.isprintable() for sign in name)
