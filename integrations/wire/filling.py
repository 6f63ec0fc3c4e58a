"""The rows of one file on their way into the spool, and which of its documents are held back because of bad rows."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from integrations.wire.tables import DAMAGE, BadRow, LeaveOut, Reading, Row, Table, TableError

PROBLEMS_SHOWN = 200  # of one file; the others are counted
MOST_BAD_ROWS = 10_000  # of one file; with more it is another table
ROWS_AT_ONCE = 5_000
MOST_ROWS_A_DOCUMENT = 20_000  # with more, the key is not what tells documents apart
LONGEST_KEY = 64  # characters that are compared where a key may be damaged


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
                batch.append((self._part, key, row.line, row.last, json_text(cells)))
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
            (rows, json_text(columns), json_text(self._left_out), self._part),
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
        self._hold_the_endless()
        for doubt in self._doubts:
            self._judge(doubt, key_at, width=len(columns))
        self._tell()

    def _hold_the_endless(self) -> None:
        endless = self._db.execute(
            "SELECT key, line, rows FROM document WHERE part = ? AND rows > ? ORDER BY line",
            (self._part, MOST_ROWS_A_DOCUMENT),
        ).fetchall()
        for key, line, rows in endless:
            self._hold(key, line, is_own=True)
            what = f"The document {key} has {rows:,} rows, more than {MOST_ROWS_A_DOCUMENT:,}; it is held back whole."
            self._note(
                line, key, what, f"Check in the layout whether {self._reading.key} is what tells documents apart."
            )

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
                (self._part, json_text(keys)),
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


def _reason(filters: list[tuple[int, LeaveOut]], cells: list[str]) -> str:
    for at, rule in filters:
        if rule.applies(cells[at] if at < len(cells) else ""):
            return rule.because
    return ""


def json_text(value: Sequence[str] | Sequence[int] | Mapping[str, int]) -> str:
    """The value as JSON, as it is kept in the spool and handed to its queries."""
    return msgspec.json.encode(value).decode()
