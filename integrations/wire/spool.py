"""A folder's rows on disk, so that files of any size are grouped and paged within bounded memory.

One SQLite database for each way of reading a folder. It holds *parts*: the rows of one file as it was, known by the
digest of its content, so that a file is parsed once however often it is asked for. A *state* is the list of parts that
the folder held at one moment, oldest first; pages are read from a state, so that a folder that changes in the middle
of a sweep tears no page. Losing the database costs only the time to parse again.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from integrations.wire.cells import tidy
from integrations.wire.filling import Filling, json_text
from integrations.wire.tables import Reading

MOST_SEEN = 1_000  # different values under one key that are looked at, the most frequent first
KEEP_STATES = 8  # so that a sweep can be finished, and what each stream has kept is known, while files arrive
IDLE_SECONDS = 3 * 24 * 3600  # after which a database that nobody asked for is removed

SCHEMA = """
CREATE TABLE IF NOT EXISTS part (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, rows INTEGER NOT NULL, columns TEXT NOT NULL,
    left_out TEXT NOT NULL, refused TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS row (
    part INTEGER NOT NULL, key TEXT NOT NULL, line INTEGER NOT NULL, last INTEGER NOT NULL, cells TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS row_by_key ON row (part, key);
CREATE TABLE IF NOT EXISTS document (part INTEGER NOT NULL, key TEXT NOT NULL, line INTEGER NOT NULL,
    rows INTEGER NOT NULL, PRIMARY KEY (key, part)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS document_by_place ON document (part, line);
CREATE TABLE IF NOT EXISTS held (part INTEGER NOT NULL, key TEXT NOT NULL, line INTEGER NOT NULL,
    is_own INTEGER NOT NULL, PRIMARY KEY (part, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS problem (part INTEGER NOT NULL, line INTEGER NOT NULL, key TEXT NOT NULL,
    what TEXT NOT NULL, advice TEXT NOT NULL, raw TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS problem_by_part ON problem (part);
CREATE TABLE IF NOT EXISTS seen (part INTEGER NOT NULL, grouping TEXT NOT NULL, key TEXT NOT NULL,
    cells TEXT NOT NULL, times INTEGER NOT NULL, line INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (grouping, key, part, cells)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS grouped (part INTEGER NOT NULL, grouping TEXT NOT NULL, PRIMARY KEY (part, grouping));
CREATE TABLE IF NOT EXISTS state (digest TEXT NOT NULL, place INTEGER NOT NULL, part INTEGER NOT NULL,
    path TEXT NOT NULL, PRIMARY KEY (digest, place)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stamp (path TEXT PRIMARY KEY, stamp TEXT NOT NULL, digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS used (state TEXT PRIMARY KEY, at REAL NOT NULL);
"""


DELETE_PART = (
    "DELETE FROM row WHERE part = ?",
    "DELETE FROM document WHERE part = ?",
    "DELETE FROM held WHERE part = ?",
    "DELETE FROM problem WHERE part = ?",
    "DELETE FROM seen WHERE part = ?",
    "DELETE FROM grouped WHERE part = ?",
    "DELETE FROM part WHERE id = ?",
)


# The documents of one file that are whole, and that no newer file of the state has too.
DOCUMENTS = """
SELECT key, line, rows FROM document d
WHERE part = :part AND line > :line AND rows > 0
  AND NOT EXISTS (SELECT 1 FROM held h WHERE h.part = d.part AND h.key = d.key)
  AND NOT EXISTS (SELECT 1 FROM document newer JOIN state s ON s.part = newer.part
                  WHERE newer.key = d.key AND s.digest = :state AND s.place > :place)
ORDER BY line
"""


class Grouping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is listed besides documents: the different values of some columns for each value of one column."""

    by: str
    transforms: tuple[str, ...] = ("strip",)
    take: tuple[str, ...]

    @property
    def name(self) -> str:
        return sha256(msgspec.json.encode(self)).hexdigest()[:16]


class Document(NamedTuple):
    """The rows of one file that carry the same key."""

    key: str
    path: str
    digest: str
    lines: list[tuple[int, int]]  # where each row begins and ends
    rows: list[dict[str, str]]


class Seen(NamedTuple):
    """One combination of values under a key: how often, and where it stands first and last."""

    cells: dict[str, str]
    times: int
    path: str
    line: int
    last: int


class Trouble(NamedTuple):
    """A row, a document or a whole file (line 0) that is not read."""

    path: str
    line: int
    key: str
    what: str
    advice: str
    raw: str


class Forgotten(Exception):
    """Another process saw the folder without one of these files, and forgot its rows: they must be taken in again."""


class Damaged(Exception):
    """The database was left damaged by a crash of the machine; it has been removed and is made anew when asked for."""


@contextmanager
def opened(directory: Path, name: str, reading: Reading) -> "Iterator[Spool]":
    """The spool of that name. Raises Damaged; OperationalError where there is no space or it is locked too long."""
    try:
        with closing(Spool(directory, name, reading)) as spool:
            yield spool
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        for file in directory.glob(f"{name}.sqlite*"):
            file.unlink(missing_ok=True)
        raise Damaged from error


class Spool:
    """The database of one way of reading one folder."""

    def __init__(self, directory: Path, name: str, reading: Reading) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds customers' data
        self._reading = reading
        self._name = name
        self._file = directory / f"{name}.sqlite"
        self._db = sqlite3.connect(self._file, timeout=60, isolation_level=None)
        self._file.chmod(0o600)
        for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-16000", "temp_store=FILE"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    # Filling it

    def digest_of(self, path: str, *, stamp: str) -> str | None:
        """The digest that this file had when it carried the same stamp (size, times), if it was read then."""
        found = self._one("SELECT digest FROM stamp WHERE path = ? AND stamp = ?", path, stamp)
        return found[0] if found else None

    def note_digest(self, path: str, digest: str, *, stamp: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO stamp VALUES (?, ?, ?)", (path, stamp, digest))

    def has(self, digest: str) -> bool:
        return self._one("SELECT 1 FROM part WHERE digest = ?", digest) is not None

    def refuse(self, digest: str, *, what: str, advice: str) -> None:
        """Remember that this file cannot be read at all, and why."""
        with self._writing():
            if not self.has(digest):
                self._new_part(digest, refused=[what, advice])

    @contextmanager
    def filling(self, digest: str) -> Iterator[Filling | None]:
        """Take in one file; None where another process has done so meanwhile. Nothing is kept when it raises."""
        with self._writing():
            if self.has(digest):
                yield None
                return
            filling = Filling(self._db, self._new_part(digest), self._reading)
            yield filling

    def _new_part(self, digest: str, *, refused: Sequence[str] = ()) -> int:
        made = self._db.execute(
            "INSERT INTO part (digest, rows, columns, left_out, refused) VALUES (?, 0, '[]', '{}', ?)",
            (digest, json_text(list(refused)) if refused else ""),
        )
        return int(made.lastrowid or 0)

    # States

    def remember(self, files: Sequence[tuple[str, str]]) -> str:
        """The digest of the state in which the folder holds these (path, digest), oldest first. Raises Forgotten."""
        content = "\n".join((self._name, *(digest for _, digest in files)))
        state = sha256(content.encode()).hexdigest()[:32]
        with self._writing():
            self._db.execute("DELETE FROM state WHERE digest = ?", (state,))
            kept = self._db.executemany(
                "INSERT INTO state SELECT ?, ?, id, ? FROM part WHERE digest = ?",
                [(state, place, path, digest) for place, (path, digest) in enumerate(files)],
            ).rowcount
            if files and kept != len(files):
                raise Forgotten
            self._db.execute("INSERT OR REPLACE INTO used VALUES (?, ?)", (state, time.time()))
            self._forget_the_old()
        return state

    def knows(self, state: str) -> bool:
        return self._one("SELECT 1 FROM used WHERE state = ?", state) is not None

    def _forget_the_old(self) -> None:
        self._db.execute(
            "DELETE FROM used WHERE state NOT IN (SELECT state FROM used ORDER BY at DESC LIMIT ?)", (KEEP_STATES,)
        )
        self._db.execute("DELETE FROM state WHERE digest NOT IN (SELECT state FROM used)")
        gone = [part for (part,) in self._db.execute("SELECT id FROM part WHERE id NOT IN (SELECT part FROM state)")]
        for part in gone:
            for delete in DELETE_PART:
                self._db.execute(delete, (part,))

    def files(self, state: str) -> list[dict[str, Any]]:
        """The files of a state, oldest first: how many rows, and how many were left out for which reason."""
        return [
            {"path": path, "digest": digest, "rows": rows, "columns": _of(columns), "left_out": _of(left_out)}
            for path, digest, rows, columns, left_out in self._db.execute(
                "SELECT path, p.digest, rows, columns, left_out FROM state s JOIN part p ON p.id = s.part "
                "WHERE s.digest = ? ORDER BY place",
                (state,),
            )
        ]

    def fresh(self, state: str, *, since: str | None) -> set[int] | None:
        """The parts that came since that state; None where everything counts as new.

        A file that went away or changed its place may let an older version of a document show again: then all is new.
        """
        if since is None or not self.knows(since):
            return None
        before, now = self._parts(since), self._parts(state)
        if now[: len(before)] != before:
            return None
        return set(now[len(before) :])

    def _parts(self, state: str) -> list[int]:
        return [
            part for (part,) in self._db.execute("SELECT part FROM state WHERE digest = ? ORDER BY place", (state,))
        ]

    # Reading it

    def troubles(self, state: str, *, fresh: set[int] | None) -> list[Trouble]:
        """What is wrong with the files of a state: at most PROBLEMS_SHOWN a file and one that counts the others."""
        found = []
        for part, path, refused in self._db.execute(
            "SELECT p.id, path, refused FROM state s JOIN part p ON p.id = s.part WHERE s.digest = ? ORDER BY place",
            (state,),
        ):
            if fresh is not None and part not in fresh:
                continue
            if refused:
                what, advice = _of(refused)
                found.append(Trouble(path, 0, "", what, advice, ""))
            found += [
                Trouble(path, *problem)
                for problem in self._db.execute(
                    "SELECT line, key, what, advice, raw FROM problem WHERE part = ? ORDER BY rowid", (part,)
                )
            ]
        return found

    def documents(
        self, state: str, *, after: tuple[int, int], fresh: set[int] | None, limit: int, most_rows: int
    ) -> tuple[list[Document], tuple[int, int] | None]:
        """The documents after this place (file, line) in the order of the files, and the place to go on from.

        Of a key that stands in several files, the last file's rows are the document; held ones are left out.
        """
        documents: list[Document] = []
        rows_taken = 0
        files = self._db.execute(
            "SELECT place, path, p.digest, columns, p.id FROM state s JOIN part p ON p.id = s.part "
            "WHERE s.digest = ? AND place >= ? ORDER BY place",
            (state, after[0]),
        ).fetchall()
        for place, path, digest, columns, part in files:
            if fresh is not None and part not in fresh:
                continue
            line = after[1] if place == after[0] else 0
            with closing(
                self._db.execute(DOCUMENTS, {"state": state, "place": place, "part": part, "line": line})
            ) as found:
                for key, line, rows in found:
                    if len(documents) == limit or (documents and rows_taken + rows > most_rows):
                        return documents, after
                    after = (place, line)
                    documents.append(self._document(key, path, digest, _of(columns), part))
                    rows_taken += rows
        return documents, None

    def documents_named(self, state: str, keys: Iterable[str]) -> list[Document]:
        """The documents with these keys, as far as they are there and not held."""
        found = []
        for key in keys:
            last = self._one(
                "SELECT path, p.digest, columns, p.id FROM document d "
                "JOIN state s ON s.part = d.part JOIN part p ON p.id = d.part "
                "WHERE d.key = ? AND s.digest = ? ORDER BY place DESC LIMIT 1",
                key,
                state,
            )
            if last and not self._one("SELECT 1 FROM held WHERE part = ? AND key = ?", last[3], key):
                path, digest, columns, part = last
                found.append(self._document(key, path, digest, _of(columns), part))
        return found

    def _document(self, key: str, path: str, digest: str, columns: list[str], part: int) -> Document:
        rows = self._db.execute(
            "SELECT line, last, cells FROM row WHERE part = ? AND key = ? ORDER BY line", (part, key)
        ).fetchall()
        cells = [dict(zip(columns, _of(row[2]), strict=True)) for row in rows]
        return Document(key, path, digest, [(row[0], row[1]) for row in rows], cells)

    def groups(
        self,
        state: str,
        grouping: Grouping,
        *,
        after: str | None,
        fresh: set[int] | None,
        limit: int,
        keys: Sequence[str] | None = None,
    ) -> tuple[list[tuple[str, list[Seen]]], str | None]:
        """The keys of a grouping after this one, in their order, each with what was seen under it, oldest first."""
        self._group(state, grouping)
        if keys is not None:
            names, go_on = list(keys), None
        else:
            names, go_on = self._names(state, grouping, after=after, fresh=fresh, limit=limit)
        found = []
        for key in names:
            seen = [
                Seen(dict(zip(grouping.take, _of(cells), strict=True)), times, path, line, last)
                for cells, times, path, line, last in self._db.execute(
                    "SELECT cells, times, path, line, last FROM (SELECT * FROM seen JOIN state s ON s.part = seen.part "
                    "WHERE grouping = ? AND key = ? AND s.digest = ? ORDER BY times DESC, place, line LIMIT ?) "
                    "ORDER BY place, line",
                    (grouping.name, key, state, MOST_SEEN),
                )
            ]
            if seen:
                found.append((key, seen))
        return found, go_on

    def _names(
        self, state: str, grouping: Grouping, *, after: str | None, fresh: set[int] | None, limit: int
    ) -> tuple[list[str], str | None]:
        parts = json_text(sorted(fresh) if fresh is not None else self._parts(state))
        names = [
            key
            for (key,) in self._db.execute(
                "SELECT DISTINCT key FROM seen WHERE grouping = ? AND (? OR key > ?) "
                "AND part IN (SELECT value FROM json_each(?)) ORDER BY key LIMIT ?",
                (grouping.name, after is None, after, parts, limit + 1),
            )
        ]
        return names[:limit], names[limit - 1] if len(names) > limit else None

    def _group(self, state: str, grouping: Grouping) -> None:
        """Collect the different values under each key, once for each part."""
        missing = self._db.execute(
            "SELECT p.id, columns FROM state s JOIN part p ON p.id = s.part WHERE s.digest = ? AND refused = '' "
            "AND NOT EXISTS (SELECT 1 FROM grouped g WHERE g.part = p.id AND g.grouping = ?)",
            (state, grouping.name),
        ).fetchall()
        if not missing:
            return
        self._db.create_function("tidy", 1, lambda text: tidy(text, grouping.transforms), deterministic=True)
        for part, columns in missing:
            there = _of(columns)
            paths = [f"$[{there.index(name)}]" for name in (grouping.by, *grouping.take)]
            taken = ", ".join(["json_extract(cells, ?)"] * len(grouping.take))
            with self._writing():
                self._db.execute(
                    "INSERT OR IGNORE INTO seen "  # noqa: S608 - only question marks go in
                    "SELECT part, ?, tidy(given), found, sum(times), min(line), max(last) FROM ("
                    "SELECT part, json_extract(cells, ?) AS given, "
                    f"json_array({taken}) AS found, "
                    "count(*) AS times, min(line) AS line, max(last) AS last FROM row WHERE part = ? "
                    "GROUP BY given, found) GROUP BY tidy(given), found",
                    (grouping.name, *paths, part),
                )
                self._db.execute("INSERT OR IGNORE INTO grouped VALUES (?, ?)", (part, grouping.name))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _one(self, query: str, *values: object) -> Any:
        return self._db.execute(query, values).fetchone()


def sweep_out(directory: Path, *, now: float) -> None:
    """Remove the databases that nobody asked for during the last days, and copies of files that a crash left."""
    for file in directory.glob("*.sqlite"):
        if now - file.stat().st_mtime > IDLE_SECONDS:
            for old in directory.glob(f"{file.name}*"):
                old.unlink(missing_ok=True)
    for copy in directory.glob("arriving-*"):
        if now - copy.stat().st_mtime > IDLE_SECONDS:
            copy.unlink(missing_ok=True)


def _of(text: str) -> Any:
    return msgspec.json.decode(text)
