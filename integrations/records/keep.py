"""Keep: a page of what a system said becomes records, and moves the feed where something changed.

The stream's row is locked for the length of the page's transaction: feed numbers are taken from it in order, so that
whoever follows the feed never sees a number appear behind its position.

What says the same as before costs one question for the whole page and is never looked into: the digest of its bytes
tells. What is new is read and written in parts, the database being at one while we read the next.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from integrations.canonical import codec
from integrations.canonical.laws import broken_laws
from integrations.canonical.record import Record as Canonical
from integrations.records import issues
from integrations.records.models import Issue, Record, Sighting, Stream
from integrations.records.terms import terms, title, words_of
from integrations.wire.errors import ShapeError, VendorError
from integrations.wire.stream import Gone, Page, Problem
from integrations.wire.stream import Stream as Facts
from integrations.wire.undecoded import Undecoded, decoded
from plumbing.ids import new_id
from plumbing.pages import ask_page, update_page, without_waiting, write_columns

LONGEST_ID = 300
OUR_FAULT = "This product met a fault of its own over this record, so it was left out."
PART = 250  # records that are written at a time
PLACE = "@place"  # where a payload was found (file and lines): told, but no part of what it says
UNIQUE = ("tenant_id", "connection_id", "object", "external_id")
FIRST = {"id", "first_kept_at", *UNIQUE}

log = logging.getLogger(__name__)
to_json = msgspec.json.Encoder(decimal_format="number").encode
exact = msgspec.json.Decoder(float_hook=Decimal).decode


@dataclass(slots=True)
class Kept:
    """What became of a page: how many records were new, changed, the same, older than what we hold, or unreadable."""

    counts: Counter[str] = field(default_factory=Counter)


def keep(stream: Stream, page: Page, *, facts: Facts, read_at: datetime) -> Kept:
    """Keep a page that was read by a request that started at `read_at`. Inside a transaction; locks the stream's row."""
    feed_no = stream.feed_no = Stream.objects.select_for_update().values_list("feed_no", flat=True).get(pk=stream.pk)
    keeper = _Keeper(stream, facts, read_at)
    keeper.meet(page.raws, {gone.external_id: gone for gone in page.gone})
    keeper.lose(page.gone)
    keeper.complain(page.problems)
    if stream.feed_no != feed_no:
        Stream.objects.filter(pk=stream.pk).update(feed_no=stream.feed_no)
    return keeper.kept


class _Said(NamedTuple):
    """A payload as it came: decoded or not, its bytes and their digest, and where it was found."""

    raw: dict[str, Any] | msgspec.Raw
    text: bytes | msgspec.Raw
    digest: str
    place: str

    @property
    def payload(self) -> dict[str, Any]:
        """What it says. Raises ShapeError."""
        return decoded(self.raw) if isinstance(self.raw, msgspec.Raw) else self.raw


class _Held(NamedTuple):
    """What we hold of a record."""

    raw_hash: str
    place: str
    edition: int
    state: str
    kind: str
    canonical: str
    changed_at: datetime | None
    read_at: datetime
    feed_no: int


# Of the page's records those that say something else than before, with what we hold of them, if anything. Each is looked for
# by itself, LIMIT keeps it so: a join is planned by statistics, and those of a growing table are so old that it would be
# read from end to end for every page.
DIFFERING = """
SELECT page.external_id, held.raw_hash, held.place, held.edition, held.state, held.kind, held.canonical, held.changed_at,
    held.read_at, held.feed_no
FROM {page} LEFT JOIN LATERAL (
    SELECT * FROM {table} AS held WHERE held.tenant_id = %(tenant)s AND held.connection_id = %(connection)s
        AND held.object = %(object)s AND held.external_id = page.external_id LIMIT 1
) AS held ON true
WHERE (page.digest, page.place, %(edition)s, 'live') IS DISTINCT FROM (held.raw_hash, held.place, held.edition, held.state)
"""


SIGHTED = """
INSERT INTO {table} (id, tenant_id, connection_id, object, sweep, read_at, external_ids)
SELECT %(id)s, %(tenant)s, %(connection)s, %(object)s, %(sweep)s, %(read_at)s, array_agg(page.external_id) FROM {page}
"""


class _Row(NamedTuple):
    """What differs from record to record of what is written; the words by which it is found follow."""

    id: str
    external_id: str
    title: str
    state: str
    merged_into: str
    raw: str
    raw_hash: str
    place: str
    canonical: str
    version: str
    changed_at: datetime | None
    feed_no: int


class _Keeper:
    """One page on its way into the store."""

    def __init__(self, stream: Stream, facts: Facts, read_at: datetime) -> None:
        self.stream, self.facts, self.read_at = stream, facts, read_at
        self.now = timezone.now()
        self.kept = Kept()
        self.taken: set[str] = set()
        self.lost_sight_of: list[Gone] = []
        self.refused: list[Issue] = []
        kind: type[Canonical] = facts.shape.record_type
        self.words = words_of(kind)

    def meet(self, raws: Sequence[dict[str, Any]], gone: Mapping[str, Gone]) -> None:
        """Compare each payload with what we hold; read and write only those that say something else than before."""
        said = self._said(raws)
        differing = self._differing(said)
        met_since = self._met_since([name for name, old in differing.items() if old is not None])
        same = said.keys() - differing.keys()
        with without_waiting(Record):
            for names in _parts(differing):
                rows = []
                for name in names:
                    old = differing[name]
                    if old is not None and self._says_the_same(old, said[name]):
                        same.add(name)
                    elif old is not None and (old.read_at > self.read_at or name in met_since):
                        self.kept.counts["older"] += 1
                    elif row := self._read(name, said[name], old, gone.get(name)):
                        rows.append(row)
                self._write(rows)
        self.lose(self.lost_sight_of)
        self.kept.counts.update({"same": len(same)} if same else {})
        self._note_as_met(same, said.keys() - same - self.taken)
        issues.open_issues(self.refused)
        self._solve(same | self.taken)

    def _said(self, raws: Sequence[dict[str, Any]]) -> dict[str, _Said]:
        """The payloads by id; of two with the same id the last one counts."""
        said = {}
        for raw in raws.texts if isinstance(raws, Undecoded) else raws:
            try:
                said[_id_of(raw, self.facts)] = _as_it_came(raw)
            except VendorError as error:
                self._refuse("", error.explanation, error.advice)
        return said

    def _differing(self, said: Mapping[str, _Said]) -> dict[str, _Held | None]:
        page = {
            "external_id": list(said),
            "digest": [each.digest for each in said.values()],
            "place": [each.place for each in said.values()],
        }
        values = {**self._place(), "edition": self.facts.shape.edition}
        rows = ask_page(Record, DIFFERING, page, values) if said else []
        return {name: None if old[0] is None else _Held(*old) for name, *old in rows}

    def _read(self, external_id: str, said: _Said, old: _Held | None, gone: Gone | None) -> tuple[Any, ...] | None:
        """The row of a record that says something new to us; None where it cannot be taken."""
        try:
            record = self.facts.shape.read(said.payload)
            breaches = broken_laws(record)
        except VendorError as error:
            self._refuse(external_id, error.explanation, error.advice, old)
            return None
        except Exception:  # a fault of ours over one record: it is told, and the page goes on
            log.exception("record %s of %s could not be read", external_id, self.stream.pk)
            self._refuse(external_id, OUR_FAULT, "Tell your operator: the log has the details.", old)
            return None
        if old is not None and _older(record, old):
            self.kept.counts["older"] += 1
            return None
        if breaches:
            words = "; ".join(f"{breach.path}: {breach.message}" for breach in breaches)
            self._refuse(external_id, words, "Correct the record where it comes from; it is read again by itself.", old)
            return None
        # One that comes and goes with the same page is taken as it was read in it, and is gone.
        state = gone.how if gone else _state_of(record, self.facts)
        canonical = codec.encode(record).decode()
        news = old is None or old.state != state or not _tells_the_same(record, old)
        self.taken.add(external_id)
        self.kept.counts["new" if old is None else "changed" if news else "same"] += 1
        if gone and (old is None or old.state != state):
            self.kept.counts[gone.how] += 1
        return (
            *_Row(
                id=str(new_id()),
                external_id=external_id,
                title=title(record),
                state=state,
                merged_into=gone.into or "" if gone else "",
                raw=str(said.text, "utf-8"),
                raw_hash=said.digest,
                place=said.place,
                canonical=canonical,
                version=record.version or "",
                changed_at=record.changed_at,
                feed_no=self._next_feed_no() if old is None or news else old.feed_no,
            ),
            *terms(record),
        )

    def _write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert what is new, and put what is held already up to date."""
        if not rows:
            return
        names = (*_Row._fields, *(f"by_{word}" for word in self.words))
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        same = {
            "tenant_id": self.stream.tenant_id,
            "connection_id": self.stream.connection_id,
            "object": self.stream.object,
            "kind": self.facts.kind,
            "edition": self.facts.shape.edition,
            "read_at": self.read_at,
            "first_kept_at": self.now,
            "kept_at": self.now,
            "sweep": self.stream.sweep,
        }
        write_columns(Record, columns, same=same, unique=UNIQUE, update=sorted({*columns, *same} - FIRST))

    def lose(self, gone: Iterable[Gone]) -> None:
        """Take note of records that went away, each in its own way; what we read of them before stays to be seen."""
        by_id = {each.external_id: each for each in gone if each.external_id not in self.taken}
        if not by_id:
            return
        met_since, lost = self._met_since(by_id), []
        for row in self._rows(by_id).defer("raw", "canonical"):
            each = by_id[row.external_id]
            if row.state == each.how or row.read_at > self.read_at or row.external_id in met_since:
                continue
            row.state, row.merged_into = each.how, each.into or ""
            row.read_at, row.kept_at, row.feed_no = self.read_at, self.now, self._next_feed_no()
            if each not in self.lost_sight_of:  # those are counted as they are refused
                self.kept.counts[each.how] += 1
            lost.append(row)
        update_page(lost, "state", "merged_into", "read_at", "kept_at", "feed_no")

    def complain(self, problems: Iterable[Problem]) -> None:
        """Open an issue for each row that could not be read."""
        found = [self._issue(each.where, where=each.where, words=each.what, advice=each.advice) for each in problems]
        self.kept.counts.update({"unreadable": len(found)} if found else {})
        issues.open_issues(found)

    def _note_as_met(self, same: Collection[str], others: Collection[str]) -> None:
        """What was not written was met all the same: a full sweep has seen it, and an older page must not overwrite it."""
        if self.stream.sweep_full and self.stream.sweep_started_at is not None:
            met = [*same, *others]
            page = {"sweep": self.stream.sweep, "read_at": self.read_at, "id": new_id(), **self._place()}
            if met:
                ask_page(Sighting, SIGHTED, {"external_id": met}, page)
        elif same:
            self._rows(same).update(read_at=Greatest(F("read_at"), Value(self.read_at)))

    def _met_since(self, external_ids: Collection[str]) -> set[str]:
        """Those of these that a later read than ours has met."""
        if not external_ids:
            return set()
        later = Sighting.objects.filter(
            connection=self.stream.connection_id, object=self.stream.object, read_at__gt=self.read_at
        )
        return {name for names in later.values_list("external_ids", flat=True) for name in names}

    def _place(self) -> dict[str, Any]:
        return {
            "tenant": self.stream.tenant_id,
            "connection": self.stream.connection_id,
            "object": self.stream.object,
        }

    def _next_feed_no(self) -> int:
        self.stream.feed_no += 1
        return self.stream.feed_no

    def _rows(self, external_ids: Iterable[str]) -> QuerySet[Record]:
        return Record.objects.filter(
            connection=self.stream.connection_id, object=self.stream.object, external_id__in=list(external_ids)
        )

    def _says_the_same(self, old: _Held, said: _Said) -> bool:
        # One that is found elsewhere now is no news, but its link has to lead there.
        if (old.raw_hash, old.edition, old.place) != (said.digest, self.facts.shape.edition, said.place):
            return False
        # A voided record may be listed on as it was, and that is no news; or be listed again as a living one.
        return old.state == _state_of(codec.decode(old.kind, old.canonical), self.facts)

    def _refuse(self, external_id: str, words: str, advice: str, old: _Held | None = None) -> None:
        if old is not None and old.state in Record.READABLE:
            self.lost_sight_of.append(Gone(external_id=external_id, how="unreadable"))
        where = f"{self.facts.label or self.facts.name} {external_id or 'without an id'}"
        self.refused.append(self._issue(external_id, where=where, words=words, advice=advice))
        self.kept.counts["unreadable"] += 1

    def _solve(self, well: Collection[str]) -> None:
        """End the issues about records that went well."""
        standing = Issue.objects.filter(
            state=Issue.State.OPEN,
            code="unreadable",
            connection=self.stream.connection_id,
            object=self.stream.object,
        )
        if abouts := set(standing.values_list("about", flat=True)):
            issues.solve(abouts.intersection(map(self._about, well)))

    def _issue(self, key: str, *, where: str, words: str, advice: str) -> Issue:
        return Issue(
            code="unreadable",
            about=self._about(key),
            connection_id=self.stream.connection_id,
            object=self.stream.object,
            where=where,
            words=words,
            explanation="What the system gave us cannot be taken as it is, so this record goes no further.",
            advice=advice,
        )

    def _about(self, key: str) -> str:
        return issues.about("unreadable", self.stream.connection_id, self.stream.object, key)


def _parts(names: Iterable[str]) -> Iterator[list[str]]:
    names = list(names)
    return (names[start : start + PART] for start in range(0, len(names), PART))


def _id_of(raw: dict[str, Any] | msgspec.Raw, facts: Facts) -> str:
    """The id in a payload. Raises ShapeError where it has none that can be kept."""
    external_id = facts.shape.external_id(raw)
    if len(external_id) > LONGEST_ID or "\0" in external_id:
        raise ShapeError("the id", f"{external_id[:60]!r} is longer than {LONGEST_ID} characters or holds no text")
    return external_id


def _as_it_came(raw: dict[str, Any] | msgspec.Raw) -> _Said:
    if isinstance(raw, msgspec.Raw):
        return _Said(raw, raw, hashlib.sha256(raw).hexdigest(), "")
    if not isinstance(raw, dict):
        raise ShapeError("the record", f"an object was expected, not {str(raw)[:40]!r}")
    text = to_json({name: value for name, value in raw.items() if name != PLACE} if PLACE in raw else raw)
    place = to_json(raw[PLACE]).decode() if PLACE in raw else ""
    return _Said(raw, text, hashlib.sha256(text).hexdigest(), place)


def _state_of(record: Canonical, facts: Facts) -> str:
    """What a record says of itself, as many vendors show it: that it is void, or no longer in use."""
    if facts.lists:
        return Record.State.LIVE
    if getattr(record, "status", None) == "void":
        return Record.State.VOIDED
    return Record.State.LIVE if getattr(record, "active", True) else Record.State.ARCHIVED


def _tells_the_same(record: Canonical, held: _Held) -> bool:
    """Whether a record tells others just what we hold of it."""
    try:
        return codec.fingerprint(record) == codec.fingerprint(codec.decode(held.kind, held.canonical))
    except codec.BadRecord:  # it was kept when records of its kind were made otherwise
        return False


def _older(record: Canonical, held: _Held) -> bool:
    """Whether the vendor itself says that what we just read is older than what we hold."""
    return record.changed_at is not None and held.changed_at is not None and record.changed_at < held.changed_at
