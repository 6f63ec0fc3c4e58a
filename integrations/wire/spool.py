"""A folder's rows on disk, so that files of any size are grouped and paged within bounded memory.

One SQLite database for each way of reading a folder. It holds *parts*: the rows of one file as it was, known by the
digest of its content, so that a file is parsed once however often it is asked for. A *state* is the list of parts that
the folder held at one moment, oldest first; pages are read from a state, so that a folder that changes in the middle
of a sweep tears no page. Losing the database costs only the time to parse again.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from integrations.wire.cells import tidy
from integrations.wire.tables import DAMAGE, BadRow, Reading, Row, Table, TableError

PROBLEMS_SHOWN = 200  # of one file; the others are counted
MOST_BAD_ROWS = 10_000  # of one file; with more it is another table
ROWS_AT_ONCE = 5_000
LONGEST_KEY = 64  # characters that are compared where a key may be damaged
KEEP_STATES = 3  # so that a sweep under way can be finished while files arrive
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

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
    def filling(self, digest: str) -> Iterator["Filling | None"]:
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
            (digest, _text(list(refused)) if refused else ""),
        )
        return int(made.lastrowid or 0)

    # States

    def remember(self, files: Sequence[tuple[str, str]]) -> str:
        """The digest of the state in which the folder holds these (path, digest), oldest first."""
        content = "\n".join((self._name, *(digest for _, digest in files)))
        state = sha256(content.encode()).hexdigest()[:32]
        with self._writing():
            self._db.execute("DELETE FROM state WHERE digest = ?", (state,))
            self._db.executemany(
                "INSERT INTO state SELECT ?, ?, id, ? FROM part WHERE digest = ?",
                [(state, place, path, digest) for place, (path, digest) in enumerate(files)],
            )
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
                    "SELECT cells, times, path, line, last FROM seen JOIN state s ON s.part = seen.part "
                    "WHERE grouping = ? AND key = ? AND s.digest = ? ORDER BY place, line",
                    (grouping.name, key, state),
                )
            ]
            if seen:
                found.append((key, seen))
        return found, go_on

    def _names(
        self, state: str, grouping: Grouping, *, after: str | None, fresh: set[int] | None, limit: int
    ) -> tuple[list[str], str | None]:
        parts = _text(sorted(fresh) if fresh is not None else self._parts(state))
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


@dataclass(slots=True)
class Doubt:
    """A bad row, and what tells whose row it may be."""

    row: BadRow
    key: str
    above: str | None  # the keys of the good rows next to it
    below: str | None = None


class Filling:
    """Takes in the rows of one file, and holds back every document of which a row may be missing.

    A bad row holds back the document that it names. Where no good row names that document too, the key cell may be
    damaged: then the documents of the good rows directly above and below are held back as well, and those whose key
    the damaged cell begins with. So is what a row with too many cells may have swallowed, and what stands above a cut;
    where documents are scattered over a file that was cut, the whole file is refused.
    """

    def __init__(self, db: sqlite3.Connection, part: int, reading: Reading) -> None:
        self._db = db
        self._part = part
        self._reading = reading
        self._left_out: dict[str, int] = {}
        self._doubts: list[Doubt] = []

    def take(self, table: Table) -> None:
        """All rows of the table. Raises TableError where so many are bad, or it is so cut, that nothing can be taken."""
        columns = table.columns
        key_at = columns.index(self._reading.key)
        filters = [(columns.index(rule.column), rule) for rule in self._reading.leave_out]
        keys: dict[str, str] = {}  # of the cells in this batch: documents have many rows
        batch: list[tuple[int, str, int, int, str]] = []
        above: str | None = None
        waiting: list[Doubt] = []  # whose lower neighbour is not known yet
        rows = runs = 0
        for row in table:
            cells = row.cells
            if filters and (reason := _reason(filters, cells)):
                self._left_out[reason] = self._left_out.get(reason, 0) + 1
                continue
            cell = cells[key_at] if key_at < len(cells) else ""
            key = keys.get(cell)
            if key is None:
                key = keys[cell] = self._reading.key_of(cell)
            if isinstance(row, Row) and key:
                for doubt in waiting:
                    doubt.below = key
                waiting.clear()
                batch.append((self._part, key, row.line, row.last, _text(cells)))
                runs += key != above
                above = key
                rows += 1
                if len(batch) == ROWS_AT_ONCE:
                    self._insert(batch)
                    batch.clear()
                    keys.clear()
                continue
            if isinstance(row, Row):
                row = self._nameless(row)
            waiting.append(Doubt(row, "" if DAMAGE.search(key) else key, above))
            self._doubts.append(waiting[-1])
            if len(self._doubts) > MOST_BAD_ROWS:
                raise TableError(
                    f"More than {MOST_BAD_ROWS:,} of its rows cannot be read; the first is line "
                    f"{self._doubts[0].row.line}: {self._doubts[0].row.what}",
                    "The layout does not fit this file: let the file be examined, or correct the layout.",
                )
        self._insert(batch)
        self._db.execute(
            "UPDATE part SET rows = ?, columns = ?, left_out = ? WHERE id = ?",
            (rows, _text(columns), _text(self._left_out), self._part),
        )
        documents = self._db.execute(
            "INSERT INTO document SELECT part, key, min(line), count(*) FROM row WHERE part = ? GROUP BY part, key",
            (self._part,),
        ).rowcount
        if runs > documents and any(doubt.row.cut for doubt in self._doubts):
            raise TableError(
                "The file was cut short, and the rows of its documents do not stand together: any may lack some.",
                "Nothing of it is taken over; send it again, whole.",
            )
        for doubt in self._doubts:
            self._judge(doubt, key_at, width=len(columns))
        self._tell()

    def _insert(self, batch: list[tuple[int, str, int, int, str]]) -> None:
        self._db.executemany("INSERT INTO row VALUES (?, ?, ?, ?, ?)", batch)

    def _nameless(self, row: Row) -> BadRow:
        what = f"The row names no document: its {self._reading.key} is empty."
        advice = f"Fill in {self._reading.key}, or let the layout leave such rows out."
        return BadRow(row.line, row.last, row.cells, what, advice, self._reading.format.delimiter.join(row.cells)[:200])

    # Which documents are held back

    def _judge(self, doubt: Doubt, key_at: int, *, width: int) -> None:
        row, key = doubt.row, doubt.key
        is_sure = bool(self._named([key])) and (key_at == 0 or key in (doubt.above, doubt.below))
        if key:
            self._hold(key, row.line, is_own=True)
            # So that an older file's version does not stand in for a document all of whose rows are bad.
            self._db.execute("INSERT OR IGNORE INTO document VALUES (?, ?, ?, 0)", (self._part, key, row.line))
        others: set[str | None] = set()
        if not is_sure:
            others |= {doubt.above, doubt.below}
            others |= set(self._named([key[:length] for length in range(1, min(len(key), LONGEST_KEY) + 1)]))
        if row.cut:
            others.add(doubt.above)
        if row.swallows:
            others.add(doubt.below)
            # Rows that lost the line break between them: the next one's key hangs on this one's last cell.
            for cell in row.cells[key_at + width - 1 :: width - 1]:
                end = self._reading.key_of(cell)[-LONGEST_KEY:]
                others |= set(self._named([end[start:] for start in range(len(end))]))
        for other in others - {None, key}:
            self._hold(str(other), row.line, is_own=False)

    def _named(self, keys: list[str]) -> list[str]:
        """Those of the keys that good rows of this file carry."""
        return [
            key
            for (key,) in self._db.execute(
                "SELECT key FROM document WHERE part = ? AND rows > 0 AND key IN (SELECT value FROM json_each(?))",
                (self._part, _text(keys)),
            )
        ]

    def _hold(self, key: str, line: int, *, is_own: bool) -> None:
        self._db.execute("INSERT OR IGNORE INTO held VALUES (?, ?, ?, ?)", (self._part, key, line, is_own))

    def _tell(self) -> None:
        """Write down what is wrong, in words."""
        for doubt in self._doubts[:PROBLEMS_SHOWN]:
            row, key = doubt.row, doubt.key
            what = f"{row.what} The document {key} is held back whole." if key else row.what
            self._note(row.line, key, what, row.advice, raw=row.raw)
        neighbours = self._db.execute(
            "SELECT key, line FROM held WHERE part = ? AND NOT is_own ORDER BY line LIMIT ?",
            (self._part, PROBLEMS_SHOWN),
        ).fetchall()
        for key, line in neighbours:
            what = f"The document {key} is held back whole: line {line}, which cannot be read, may belong to it."
            self._note(line, key, what, "Correct that line; the document follows by itself.")
        unnamed = len(self._doubts) - PROBLEMS_SHOWN
        if unnamed > 0:
            what = f"{unnamed:,} more rows of this file cannot be read; their documents are held back too."
            self._note(0, "", what, "So many bad rows mean that the layout does not fit the file: check it.")

    def _note(self, line: int, key: str, what: str, advice: str, *, raw: str = "") -> None:
        self._db.execute("INSERT INTO problem VALUES (?, ?, ?, ?, ?, ?)", (self._part, line, key, what, advice, raw))


def _reason(filters: list[tuple[int, Any]], cells: list[str]) -> str:
    for at, rule in filters:
        if rule.applies(cells[at] if at < len(cells) else ""):
            return str(rule.because)
    return ""


def sweep_out(directory: Path, *, now: float) -> None:
    """Remove the databases that nobody asked for during the last days."""
    for file in directory.glob("*.sqlite"):
        if now - file.stat().st_mtime > IDLE_SECONDS:
            for old in directory.glob(f"{file.name}*"):
                old.unlink(missing_ok=True)


def _text(value: Sequence[str] | Sequence[int] | Mapping[str, int]) -> str:
    return msgspec.json.encode(value).decode()


def _of(text: str) -> Any:
    return msgspec.json.decode(text)
