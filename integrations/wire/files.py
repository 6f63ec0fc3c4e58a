"""The driver that reads files: a folder of this machine, through fsspec, in pages, within bounded memory.

It knows no vendor. Its requests are
  READ <folder>  params: pattern, reading (JSON of `Reading`), grouping (JSON of `Grouping`; without it, documents),
                 since (a mark), page (a token), keys (JSON list: only these), limit,
                 edition (whatever else decides what is made of the rows: another one makes every row news)
  LIST <folder>  params: pattern
and its answers are JSON: {"state", "files", "documents" or "groups", "problems", "next", "mark", "whole"}.

A file is known by its content (sha256). A mark is the digest of all files in their order; so the same files again are
no news, and a sweep reads on from the state in which it began.
"""

import gzip
import io
import os
import sqlite3
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec
import msgspec

from .errors import BadAddress, ContractBroken, TryLater
from .message import Answer, Request, json_body
from .spool import Damaged, Document, Forgotten, Grouping, Seen, Spool, Trouble, opened, sweep_out
from .tables import Reading, Table, TableError

LARGEST = 8 * 1024**3  # bytes of one file, unpacked: beyond that it is a mistake or an attack
RECENT_SECONDS = 2.0  # a file changed so lately may change again under the same time stamp
ROWS_A_PAGE = 5_000


def send(request: Request, *, root: Path, spool: Path, deadline: float | None = None) -> Answer:
    """Answer a request from the files below `root`; `spool` is a private directory for what is being worked on.

    `deadline` is a moment of `time.monotonic()`; it is looked at between files, and what was read till then is kept.
    Raises BadAddress where the folder is not there or leads out of `root`, and TryLater where a file is being written
    at this moment or the deadline has come.
    """
    folder = Folder(root, request.path)
    pattern = request.params.get("pattern", "*")
    match request.method:
        case "LIST":
            return _answer({"folder": request.path, "files": [file.plain() for file in folder.files(pattern)]})
        case "READ":
            try:
                return _read(request, folder, pattern, spool=spool, deadline=deadline)
            except (Damaged, Forgotten) as error:
                raise TryLater(sent=False, retry_after=0, explanation="The files must be worked on anew.") from error
            except sqlite3.OperationalError as error:  # no space left, or locked for too long
                raise TryLater(
                    sent=False,
                    retry_after=60,
                    explanation=f"The files could not be worked on: {error}.",
                    advice="Check the free space where this service keeps its working files; it is tried again.",
                ) from error
    raise ContractBroken(f"{request.method} is no verb of the files driver.")


def _read(request: Request, folder: "Folder", pattern: str, *, spool: Path, deadline: float | None) -> Answer:
    params = request.params
    reading = msgspec.json.decode(params["reading"], type=Reading)
    sweep_out(spool, now=time.time())
    told = (str(folder.base), pattern, msgspec.json.encode(reading).decode(), params.get("edition", ""))
    name = sha256("\0".join(told).encode()).hexdigest()
    with opened(spool, name, reading) as rows:
        state, _, place = params.get("page", "").partition(":")
        troubles: list[Trouble] = []
        if not state or not rows.knows(state):
            state, place = _take_in(folder, pattern, reading, rows, troubles, deadline=deadline), ""
        fresh = rows.fresh(state, since=params.get("since"))
        keys = msgspec.json.decode(params["keys"], type=list[str]) if "keys" in params else None
        limit = int(params.get("limit", "500"))
        answer: dict[str, Any] = {"state": state, "mark": state, "whole": fresh is None}
        if not place and keys is None:
            answer["files"] = rows.files(state)
            troubles += rows.troubles(state, fresh=fresh)
        answer["problems"] = [trouble._asdict() for trouble in troubles]
        if "grouping" in params:
            grouping = msgspec.json.decode(params["grouping"], type=Grouping)
            after = msgspec.json.decode(place, type=str) if place else None
            groups, last = rows.groups(state, grouping, after=after, fresh=fresh, limit=limit, keys=keys)
            answer["groups"] = [_plain_group(key, seen) for key, seen in groups]
            answer["next"] = f"{state}:{msgspec.json.encode(last).decode()}" if last is not None else None
        elif keys is not None:
            answer["documents"] = [_plain_document(document) for document in rows.documents_named(state, keys)]
            answer["next"] = None
        else:
            file, _, line = place.partition(".")
            found, go_on = rows.documents(
                state, after=(int(file or 0), int(line or 0)), fresh=fresh, limit=limit, most_rows=ROWS_A_PAGE
            )
            answer["documents"] = [_plain_document(document) for document in found]
            answer["next"] = f"{state}:{go_on[0]}.{go_on[1]}" if go_on else None
    return _answer(answer)


def _take_in(
    folder: "Folder", pattern: str, reading: Reading, rows: Spool, troubles: list[Trouble], *, deadline: float | None
) -> str:
    """Bring the spool up to what the folder holds now; returns the digest of that state."""
    there: dict[str, str] = {}  # digest -> path: the same content twice is one file
    for file in folder.files(pattern):
        if deadline is not None and time.monotonic() > deadline:
            raise TryLater(
                sent=False,
                retry_after=0,
                explanation="The folder holds more than is read in one go; it goes on at once.",
            )
        if file.trouble:
            troubles.append(Trouble(file.path, 0, "", file.trouble, file.advice, ""))
            continue
        try:
            digest = rows.digest_of(file.path, stamp=file.stamp)
            if digest is None or not rows.has(digest):
                digest = _spool_file(folder, file, reading, rows)
        except OSError as error:
            what = f"The file cannot be opened: {error.strerror or error}."
            troubles.append(Trouble(file.path, 0, "", what, "Give this service the right to read it.", ""))
            continue
        there.setdefault(digest, file.path)
    return rows.remember([(path, digest) for digest, path in there.items()])


def _spool_file(folder: "Folder", file: "File", reading: Reading, rows: Spool) -> str:
    with folder.open(file) as raw:
        digest = _digest(raw)
    if not rows.has(digest):
        try:
            with rows.filling(digest) as filling, folder.open(file) as raw:
                if filling is not None:
                    hashing = _Hashing(raw)
                    with unpacked(io.BufferedReader(hashing, 1 << 20), name=file.path) as content:
                        filling.take(Table(content, reading.format, expected=_expected(reading)))
                    if hashing.digest() != digest or folder.stamp(file) != file.stamp:
                        raise _Changing
        except TableError as error:
            rows.refuse(digest, what=error.what, advice=error.advice)
        except _Changing:
            raise _being_written(file) from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            what = f"The gz archive is damaged: {error}."
            rows.refuse(digest, what=what, advice="It was cut short or changed on its way: send it again.")
    if folder.stamp(file) != file.stamp:
        raise _being_written(file)
    if time.time() - file.modified > RECENT_SECONDS:
        rows.note_digest(file.path, digest, stamp=file.stamp)
    return digest


def _expected(reading: Reading) -> tuple[str, ...]:
    """Every column that is needed, each once, in the order of the layout."""
    return tuple(dict.fromkeys((reading.key, *reading.columns, *(rule.column for rule in reading.leave_out))))


class _Changing(Exception):
    """The file changed between the beginning and the end of reading it."""


def _being_written(file: "File") -> TryLater:
    return TryLater(
        sent=False,
        retry_after=30,
        explanation=f"The file {file.path} is being written at this moment.",
        advice="Nothing needs to be done: it is read when it is complete.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a folder, as it was when the folder was listed."""

    path: str  # below the folder, with forward slashes
    size: int  # bytes
    modified: float  # seconds since 1970
    stamp: str  # changes with the content, as far as the file system can tell
    trouble: str = ""  # why it is not read
    advice: str = ""

    def plain(self) -> dict[str, Any]:
        return {"path": self.path, "size": self.size, "problem": self.trouble}


class Folder:
    """A folder below the root beyond which nothing is read, symbolic links included."""

    def __init__(self, root: Path, folder: str) -> None:
        self._fs = fsspec.filesystem("file")
        top = Path(os.path.realpath(root))
        wanted = Path(folder) if Path(folder).is_absolute() else top / folder
        self.base = Path(os.path.realpath(wanted))
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
        """The files whose names fit the pattern (packed as .gz or not), oldest first."""
        if ".." in Path(pattern).parts or Path(pattern).is_absolute():
            raise BadAddress(
                pattern,
                explanation="The file pattern leads out of the folder.",
                advice="Use a pattern below the folder, like “*.csv” or “2025/*.csv”.",
            )
        listed = (
            self._fs.find(str(self.base), detail=True).values()
            if "/" in pattern
            else self._fs.ls(str(self.base), detail=True)
        )
        found = []
        for listing in cast(Iterable[dict[str, Any]], listed):
            name = Path(listing["name"]).relative_to(self.base).as_posix()
            if _fits(name, pattern) and (file := self._file(name)):
                found.append(file)
        return sorted(found, key=lambda file: (file.modified, file.path))

    def _file(self, name: str) -> File | None:
        true = Path(os.path.realpath(self.base / name))
        if not true.is_relative_to(self.base):
            return File(
                path=name,
                size=0,
                modified=0.0,
                stamp="",
                trouble="This is a link that leads out of the folder; it is not read.",
                advice="Put the file itself into the folder.",
            )
        if not true.is_file():
            return None
        try:
            info = self._info(name)
        except FileNotFoundError:
            return None  # it went away this moment
        return File(path=name, size=info["size"], modified=info["mtime"], stamp=_stamp(info))

    def stamp(self, file: File) -> str:
        """The file's stamp now; empty where it is gone."""
        try:
            return _stamp(self._info(file.path))
        except FileNotFoundError:
            return ""

    def _info(self, name: str) -> dict[str, Any]:
        """What the file system says of a file; of a link, what it says of the file behind it."""
        return cast(dict[str, Any], self._fs.info(os.path.realpath(self.base / name)))

    def open(self, file: File) -> BinaryIO:
        return cast(BinaryIO, self._fs.open(str(self.base / file.path), "rb"))


def _stamp(info: Mapping[str, Any]) -> str:
    return f"{info['size']} {info['mtime']} {info.get('created')} {info.get('ino')}"


def _fits(path: str, pattern: str) -> bool:
    """Whether a file is meant: folders within the folder only where the pattern names them, hidden files never."""
    if path.count("/") != pattern.count("/") or path.rpartition("/")[2].startswith("."):
        return False  # many programs write under a hidden name until the file is complete
    return fnmatchcase(path, pattern) or fnmatchcase(path.removesuffix(".gz"), pattern)


def unpacked(file: BinaryIO | io.BufferedReader, *, name: str) -> BinaryIO:
    """The content of a file whose name may end in .gz. Raises TableError beyond the largest size that is read."""
    packed = name.endswith(".gz")
    content = gzip.GzipFile(fileobj=file, mode="rb") if packed else file
    return cast(BinaryIO, io.BufferedReader(_Bounded(cast(BinaryIO, content)), 1 << 20))


class _Bounded(io.RawIOBase):
    """Reads on until the largest size; at the end it reads the file behind it to its end, for the digest."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        self._left = LARGEST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._content.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise TableError(
                f"The file holds more than {LARGEST // 1024**3} GB, unpacked.", "Split it into smaller files."
            )
        buffer[: len(data)] = data
        return len(data)


class _Hashing(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sum = sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        self._sum.update(data)
        buffer[: len(data)] = data
        return len(data)

    def digest(self) -> str:
        """Of the whole file: what nobody asked for (behind a gz archive's end) is read now."""
        while data := self._file.read(1 << 20):
            self._sum.update(data)
        return self._sum.hexdigest()


def _digest(file: BinaryIO) -> str:
    total = sha256()
    while data := file.read(1 << 20):
        total.update(data)
    return total.hexdigest()


def _plain_document(document: Document) -> dict[str, Any]:
    return document._asdict()


def _plain_group(key: str, seen: list[Seen]) -> dict[str, Any]:
    return {"key": key, "seen": [one._asdict() for one in seen]}


def _answer(content: Mapping[str, Any]) -> Answer:
    return Answer(status=200, headers={"Content-Type": "application/json"}, body=json_body(content))
