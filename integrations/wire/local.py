"""A folder of this machine, below the root that is kept for a tenant; links that lead out of it lead nowhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec

from .errors import BadAddress, Forbidden, OutOfLimits, TryLater
from .folders import File, Folder, Tick, check_path, check_pattern, fits

PIECE = 1 << 20


class LocalFolder(Folder):
    """A folder below the root beyond which nothing is read or written, symbolic links included."""

    settles_in = 2.0
    moment = 0.0  # its time stamps are fine enough to see that a file changes while it is read

    def __init__(self, root: Path, folder: str) -> None:
        self._fs = fsspec.filesystem("file")
        top = Path(os.path.realpath(root))
        wanted = Path(folder) if Path(folder).is_absolute() else top / folder
        self.base = Path(os.path.realpath(wanted))
        self.name = str(self.base)
        if not self.base.is_relative_to(top):
            raise BadAddress(
                folder,
                explanation="The folder leads out of the place that is kept for this tenant's files.",
                advice="Name a folder below it, without “..” and without a link that leads elsewhere.",
            )
        if not self.base.is_dir():
            what = "is a file, not a folder" if self.base.exists() else "does not exist"
            raise BadAddress(
                folder,
                explanation=f"The folder “{folder}” {what}.",
                advice="Create it and put the files there, or correct the folder in the connection's settings.",
            )

    def files(self, pattern: str) -> list[File]:
        check_pattern(pattern)
        listed = (
            self._fs.find(str(self.base), detail=True).values()
            if "/" in pattern
            else self._fs.ls(str(self.base), detail=True)
        )
        found = []
        for listing in cast(Iterable[dict[str, Any]], listed):
            name = Path(listing["name"]).relative_to(self.base).as_posix()
            if fits(name, pattern) and (file := self.look(name)):
                found.append(file)
        return sorted(found, key=lambda file: (file.modified, file.path))

    def look(self, path: str) -> File | None:
        true = Path(os.path.realpath(self.base / path))
        if not true.is_relative_to(self.base):
            return File(
                path=path,
                size=0,
                modified=0.0,
                stamp="",
                trouble="This is a link that leads out of the folder; it is not read.",
                advice="Put the file itself into the folder.",
            )
        if not true.is_file():
            return None
        try:
            info = cast(dict[str, Any], self._fs.info(str(true)))
        except FileNotFoundError:
            return None  # it went away this moment
        return File(path=path, size=info["size"], modified=info["mtime"], stamp=_stamp(info))

    @contextmanager
    def held(self, file: File, *, room: Path, tick: Tick) -> Iterator[Callable[[], BinaryIO]]:
        yield lambda: self.open(file)

    def open(self, file: File) -> BinaryIO:
        return cast(BinaryIO, self._fs.open(str(self.base / file.path), "rb"))

    def put(self, path: str, content: BinaryIO, *, tick: Tick) -> None:
        place = self._place(path)
        with _said(path):
            place.unlink(missing_ok=True)  # a link would be written through
            with place.open("xb") as file:
                while piece := content.read(PIECE):
                    file.write(piece)
                    tick()
                file.flush()
                os.fsync(file.fileno())

    def rename(self, old: str, new: str) -> None:
        before, after = self._place(old), self._place(new)
        with _said(new):
            before.replace(after)

    def remove(self, path: str) -> None:
        place = self._place(path)
        with _said(path):
            place.unlink(missing_ok=True)

    def make(self, folder: str) -> None:
        with _said(folder):
            self._place(f"{folder}/any").parent.mkdir(parents=True, exist_ok=True)

    def _place(self, path: str) -> Path:
        """Where a file is written. Raises BadAddress where a folder on the way leads out of this one."""
        place = self.base / check_path(path)
        if not Path(os.path.realpath(place.parent)).is_relative_to(self.base):
            raise BadAddress(
                path,
                explanation="A folder of this path is a link that leads out of the place that is kept for these files.",
                advice="Put a folder there instead of the link.",
            )
        return place


@contextmanager
def _said(path: str) -> Iterator[None]:
    """Turns what the system says about a file into our errors."""
    try:
        yield
    except PermissionError as error:
        raise Forbidden(
            str(error.strerror),
            explanation=f"{path} may not be written.",
            advice="Give this service the right to write into the folder.",
        ) from error
    except FileNotFoundError as error:
        raise BadAddress(path, explanation=f"The folder for {path} does not exist.", advice="Create it.") from error
    except OSError as error:
        if error.errno in _FULL:
            raise OutOfLimits(
                str(error.strerror), explanation="No space is left in the folder.", advice="Make room; it goes on then."
            ) from error
        raise TryLater(str(error.strerror), sent=False, explanation=f"{path} could not be written.") from error


_FULL = (28, 122)  # ENOSPC, EDQUOT


def _stamp(info: Mapping[str, Any]) -> str:
    return f"{info['size']} {info['mtime']} {info.get('created')} {info.get('ino')}"
