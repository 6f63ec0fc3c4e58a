"""The driver for files: folders here and on servers, read in pages within bounded memory, and published into.

It knows no vendor. Its requests are
  READ <folder>  params: pattern, reading (JSON of `Reading`), grouping (JSON of `Grouping`; without it, documents),
                 since (a mark), page (a token), keys (JSON list: only these), limit,
                 edition (whatever else decides what is made of the rows: another one makes every row news)
  LIST <folder>  params: pattern
  PICK_UP <folder>  see `picking`
  UPLOAD, RELEASE, DIGEST <folder>  see `publishing`
  KEEP <name>    gives the body back: rows that are kept in the store until they are published
and its answers are JSON; to READ: {"state", "files", "documents" or "groups", "problems", "next", "mark", "whole"}.

A file is known by its content (sha256). A mark is the digest of all files in their order; so the same files again are
no news, and a sweep reads on from the state in which it began.
"""

import gzip
import io
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from . import picking, publishing
from .errors import ContractBroken, Forbidden, Missing, TryLater
from .folders import File, Folder
from .message import Answer, Request, json_body
from .places import Opens
from .publishing import digest_of
from .remote import growing
from .spool import Damaged, Document, Forgotten, Grouping, Seen, Spool, Trouble, opened, sweep_out
from .tables import Reading, Table, TableError

LARGEST = 8 * 1024**3  # bytes of one file, unpacked: beyond that it is a mistake or an attack
ROWS_A_PAGE = 5_000


def send(request: Request, *, at: Opens, spool: Path, deadline: float | None = None) -> Answer:
    """Answer a request from the folders that `at` opens; `spool` is a private directory for what is being worked on.

    `deadline` is a moment of `time.monotonic()`; it is looked at between files and within transfers, and what was read
    till then is kept. Raises VendorError: BadAddress where there is no such folder, TryLater where a file is being
    written at this moment or the deadline has come.
    """
    if request.method == "KEEP":
        return Answer(status=200, headers={"Content-Type": "application/json"}, body=request.body)
    if request.method not in VERBS:
        raise ContractBroken(f"{request.method} is no verb of the files driver.")
    try:
        with at(request.path) as folder:
            return _answer(VERBS[request.method](request, folder, spool, deadline))
    except (Damaged, Forgotten) as error:
        raise TryLater(sent=False, retry_after=0, explanation="The files must be worked on anew.") from error
    except sqlite3.OperationalError as error:  # no space left, or locked for too long
        raise TryLater(
            sent=False,
            retry_after=60,
            explanation=f"The files could not be worked on: {error}.",
            advice="Check the free space where this service keeps its working files; it is tried again.",
        ) from error


def _list(request: Request, folder: Folder, spool: Path, deadline: float | None) -> dict[str, Any]:
    found = folder.files(request.params.get("pattern", "*"))
    return {"folder": request.path, "files": [file.plain() for file in found]}


@contextmanager
def _rows(request: Request, folder: Folder, spool: Path) -> Iterator[tuple[Spool, Reading, str]]:
    """The spool of this way of reading this folder."""
    params, pattern = request.params, request.params.get("pattern", "*")
    reading = msgspec.json.decode(params["reading"], type=Reading)
    told = (folder.name, pattern, msgspec.json.encode(reading).decode(), params.get("edition", ""))
    name = sha256("\0".join(told).encode()).hexdigest()
    with opened(spool, name, reading) as rows:
        yield rows, reading, pattern


def _pick_up(request: Request, folder: Folder, spool: Path, deadline: float | None) -> dict[str, Any]:
    with _rows(request, folder, spool) as (rows, _, _):
        return picking.pick_up(request, folder, rows)


def _read(request: Request, folder: Folder, spool: Path, deadline: float | None) -> dict[str, Any]:
    params = request.params
    sweep_out(spool, now=time.time())
    with _rows(request, folder, spool) as (rows, reading, pattern):
        state, _, place = params.get("page", "").partition(":")
        troubles: list[Trouble] = []
        if not state or not rows.knows(state):
            taking = _Taking(folder=folder, reading=reading, rows=rows, room=spool, deadline=deadline)
            state, place = taking.all_of(pattern, troubles), ""
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
    return answer


VERBS: dict[str, Callable[[Request, Folder, Path, float | None], dict[str, Any]]] = {
    "LIST": _list,
    "READ": _read,
    "PICK_UP": _pick_up,
    "UPLOAD": publishing.upload,
    "RELEASE": publishing.release,
    "DIGEST": publishing.digest,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taking:
    """Brings a spool up to what a folder holds now."""

    folder: Folder
    reading: Reading
    rows: Spool
    room: Path
    deadline: float | None

    def all_of(self, pattern: str, troubles: list[Trouble]) -> str:
        """Take in what fits the pattern; returns the digest of that state."""
        there: dict[str, str] = {}  # digest -> path: the same content twice is one file
        files = [file for file in self.folder.files(pattern) if not file.path.startswith(f"{picking.PICKED_UP}/")]
        if any(self.rows.digest_of(file.path, stamp=file.stamp) is None for file in files):
            time.sleep(self.folder.moment)
        for file in files:
            self.check_time()
            if file.trouble:
                troubles.append(Trouble(file.path, 0, "", file.trouble, file.advice, ""))
                continue
            try:
                digest = self.rows.digest_of(file.path, stamp=file.stamp)
                if digest is None or not self.rows.has(digest):
                    digest = self.one(file)
            except OSError as error:
                what = f"The file cannot be opened: {error.strerror or error}."
                troubles.append(Trouble(file.path, 0, "", what, "Give this service the right to read it.", ""))
                continue
            except (Missing, Forbidden) as error:
                troubles.append(Trouble(file.path, 0, "", f"{error.explanation} {error.words}", error.advice, ""))
                continue
            there.setdefault(digest, file.path)
        return self.rows.remember([(path, digest) for digest, path in there.items()])

    def one(self, file: File) -> str:
        """Take in one file; returns its digest. Raises TryLater where it changes meanwhile."""
        with self.folder.held(file, room=self.room, tick=self.check_time) as opened:
            with opened() as raw:
                digest = digest_of(raw)
            if not self.rows.has(digest):
                self._parse(file, digest, opened)
        if self._stamp(file) != file.stamp:
            raise growing(file.path)
        if time.time() - file.modified > self.folder.settles_in:
            self.rows.note_digest(file.path, digest, stamp=file.stamp)
        return digest

    def _parse(self, file: File, digest: str, opened: Callable[[], BinaryIO]) -> None:
        try:
            with self.rows.filling(digest) as filling, opened() as raw:
                if filling is not None:
                    hashing = _Hashing(raw)
                    with unpacked(io.BufferedReader(hashing, 1 << 20), name=file.path) as content:
                        filling.take(Table(content, self.reading.format, expected=_expected(self.reading)))
                    if hashing.digest() != digest or self._stamp(file) != file.stamp:
                        raise _Changing
        except TableError as error:
            self.rows.refuse(digest, what=error.what, advice=error.advice)
        except _Changing:
            raise growing(file.path) from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            what = f"The gz archive is damaged: {error}."
            self.rows.refuse(digest, what=what, advice="It was cut short or changed on its way: send it again.")

    def check_time(self) -> None:
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise TryLater(
                sent=False,
                retry_after=0,
                explanation="The folder holds more than is read in one go; it goes on at once.",
            )

    def _stamp(self, file: File) -> str:
        """The file's stamp now; empty where it is gone."""
        now = self.folder.look(file.path)
        return "" if now is None else now.stamp


def _expected(reading: Reading) -> tuple[str, ...]:
    """Every column that is needed, each once, in the order of the layout."""
    return tuple(dict.fromkeys((reading.key, *reading.columns, *(rule.column for rule in reading.leave_out))))


class _Changing(Exception):
    """The file changed between the beginning and the end of reading it."""


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


def _plain_document(document: Document) -> dict[str, Any]:
    return document._asdict()


def _plain_group(key: str, seen: list[Seen]) -> dict[str, Any]:
    return {"key": key, "seen": [one._asdict() for one in seen]}


def _answer(content: Mapping[str, Any]) -> Answer:
    return Answer(status=200, headers={"Content-Type": "application/json"}, body=json_body(content))
