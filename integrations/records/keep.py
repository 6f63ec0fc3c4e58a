"""Keep: a page of what a system said becomes records, and moves the feed where something changed.

The stream's row is locked for the length of the page's transaction: feed numbers are taken from it in order, so that
whoever follows the feed never sees a number appear behind its position.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from integrations.canonical import codec
from integrations.canonical.laws import broken_laws
from integrations.canonical.record import Record as Canonical
from integrations.records import issues
from integrations.records.models import Issue, Record, SearchTerm, Stream
from integrations.records.terms import terms, title
from integrations.wire.errors import ShapeError, VendorError
from integrations.wire.stream import Gone, Page, Problem
from integrations.wire.stream import Stream as Facts
from plumbing.pages import update_page, write_page

LONGEST_ID = 300
PLACE = "@place"  # where a payload was found (file and lines): told, but no part of what it says
UNIQUE = ("tenant_id", "connection_id", "object", "external_id")
FIRST = {"id", "tenant_id", "connection_id", "object", "external_id", "first_kept_at"}

to_json = msgspec.json.Encoder(decimal_format="number").encode
exact = msgspec.json.Decoder(float_hook=Decimal).decode


@dataclass(slots=True)
class Kept:
    """What became of a page: how many records were new, changed, the same, older than what we hold, or unreadable."""

    counts: Counter[str] = field(default_factory=Counter)


def keep(stream: Stream, page: Page, *, facts: Facts, read_at: datetime) -> Kept:
    """Keep a page that was read by a request that started at `read_at`. Inside a transaction; locks the stream's row."""
    stream.feed_no = Stream.objects.select_for_update().values_list("feed_no", flat=True).get(pk=stream.pk)
    keeper = _Keeper(stream, facts, read_at)
    keeper.meet(page.raws)
    keeper.lose(page.gone)
    keeper.complain(page.problems)
    keeper.write()
    return keeper.kept


class _Keeper:
    """One page on its way into the store."""

    def __init__(self, stream: Stream, facts: Facts, read_at: datetime) -> None:
        self.stream, self.facts, self.read_at = stream, facts, read_at
        self.now = timezone.now()
        self.kept = Kept()
        self.changed: dict[str, Record] = {}
        self.lost: dict[str, Record] = {}
        self.moved: set[str] = set()
        self.terms: list[SearchTerm] = []
        self.issues: list[Issue] = []
        self.solved: list[str] = []
        self.seen: list[str] = []
        self.confirmed: list[str] = []

    def meet(self, raws: Iterable[dict[str, Any]]) -> None:
        """Compare each payload with what we hold; read only those that say something else than before."""
        latest: dict[str, dict[str, Any]] = {}
        for raw in raws:
            try:
                latest[_id_of(raw, self.facts)] = raw
            except VendorError as error:
                self._refuse("", error.explanation, error.advice)
        held = self._held(latest)
        for external_id, raw in latest.items():
            self._meet_one(external_id, raw, held.get(external_id))

    def _meet_one(self, external_id: str, raw: dict[str, Any], old: Record | None) -> None:
        said = {name: value for name, value in raw.items() if name != PLACE}
        place = to_json(raw[PLACE]).decode() if PLACE in raw else ""
        text = to_json(said)
        digest = hashlib.sha256(text).hexdigest()
        self.seen.append(external_id)
        if old is not None and self._says_the_same(old, digest, place):
            self.kept.counts["same"] += 1
            self.confirmed.append(external_id)
            self.solved.append(self._about(external_id))
            return
        if old is not None and old.read_at > self.read_at:
            self.kept.counts["older"] += 1
            return
        try:
            record = self.facts.shape.read(raw)
        except VendorError as error:
            self._refuse(external_id, error.explanation, error.advice)
            return
        if old is not None and _older(record, old):
            self.kept.counts["older"] += 1
            return
        breaches = broken_laws(record)
        if breaches:
            words = "; ".join(f"{breach.path}: {breach.message}" for breach in breaches)
            self._refuse(external_id, words, "Correct the record where it comes from; it is read again by itself.")
            return
        self._take(record, external_id, text.decode(), digest, place, old)

    def _take(
        self, record: Canonical, external_id: str, text: str, digest: str, place: str, old: Record | None
    ) -> None:
        fingerprint = codec.fingerprint(record)
        row = old or Record(
            tenant_id=self.stream.tenant_id,
            connection_id=self.stream.connection_id,
            object=self.stream.object,
            external_id=external_id,
            first_kept_at=self.now,
        )
        state = Record.State.VOIDED if _is_void(record) else Record.State.LIVE
        news = old is None or old.fingerprint != fingerprint or old.state != state
        row.kind, row.title, row.state, row.merged_into = self.facts.kind, title(record), state, ""
        row.raw, row.raw_hash, row.place = text, digest, place
        row.canonical, row.edition, row.fingerprint = (
            codec.encode(record).decode(),
            self.facts.shape.edition,
            fingerprint,
        )
        row.version, row.changed_at = record.version or "", record.changed_at
        row.read_at, row.kept_at, row.sweep = self.read_at, self.now, self.stream.sweep
        if news:
            self._move(row)
            self.terms += self._terms(row, record)
        self.changed[external_id] = row
        self.kept.counts["new" if old is None else "changed" if news else "same"] += 1
        self.solved.append(self._about(external_id))

    def lose(self, gone: Iterable[Gone]) -> None:
        """Take note of records that went away, each in its own way; what we read of them before stays to be seen."""
        by_id = {each.external_id: each for each in gone}
        # One that came with this very page is taken as it was read in it.
        for external_id, row in {**self._held(by_id), **self.changed}.items():
            each = by_id.get(external_id)
            if each is None or row.state == each.how or row.read_at > self.read_at:
                continue
            row.state, row.merged_into = each.how, each.into or ""
            row.read_at, row.kept_at = self.read_at, self.now
            self._move(row)
            if external_id not in self.changed:
                self.lost[external_id] = row
            self.kept.counts[each.how] += 1

    def complain(self, problems: Iterable[Problem]) -> None:
        """Open an issue for each row that could not be read."""
        for problem in problems:
            self.issues.append(
                self._issue(problem.where, where=problem.where, words=problem.what, advice=problem.advice)
            )
            self.kept.counts["unreadable"] += 1

    def write(self) -> None:
        """Everything of the page, in a handful of statements."""
        columns = (str(field.column) for field in Record._meta.concrete_fields)
        update = [column for column in columns if column not in FIRST]
        write_page(list(self.changed.values()), unique=UNIQUE, update=update)
        update_page(list(self.lost.values()), "state", "merged_into", "read_at", "kept_at", "feed_no")
        SearchTerm.objects.filter(record__in={each.record_id for each in self.terms}).delete()
        write_page(self.terms)
        self._note_as_met()
        issues.open_issues(self.issues)
        if self.solved:
            issues.solve(self.solved)
        Stream.objects.filter(pk=self.stream.pk).update(feed_no=self.stream.feed_no)

    def _note_as_met(self) -> None:
        """Unchanged records were read too: an older page must not overwrite them, and a full sweep has met them."""
        met = {"sweep": self.stream.sweep} if self.stream.sweep_full else {}
        if self.confirmed:
            self._rows(self.confirmed).update(read_at=Greatest(F("read_at"), Value(self.read_at)), **met)
        others = set(self.seen) - self.changed.keys() - set(self.confirmed)
        if met and others:
            self._rows(others).update(**met)

    def _move(self, row: Record) -> None:
        if row.external_id not in self.moved:
            self.stream.feed_no += 1
            row.feed_no = self.stream.feed_no
            self.moved.add(row.external_id)

    def _rows(self, external_ids: Iterable[str]) -> Any:
        return Record.objects.filter(
            connection=self.stream.connection_id, object=self.stream.object, external_id__in=list(external_ids)
        )

    def _held(self, external_ids: Iterable[str]) -> dict[str, Record]:
        # Without the payloads: their hashes tell whether anything is new.
        return {row.external_id: row for row in self._rows(external_ids).defer("raw")} if external_ids else {}

    def _terms(self, row: Record, record: Canonical) -> list[SearchTerm]:
        place = {"connection_id": row.connection_id, "object": row.object}
        return [
            SearchTerm(tenant_id=row.tenant_id, record_id=row.pk, term=term, **place) for term in sorted(terms(record))
        ]

    def _says_the_same(self, old: Record, digest: str, place: str) -> bool:
        # One that is found elsewhere now is no news, but its link has to lead there.
        if (old.raw_hash, old.edition, old.place) != (digest, self.facts.shape.edition, place):
            return False
        # A voided record may be listed on as it was, and that is no news; or be listed again as a living one.
        return old.state == Record.State.LIVE or (
            old.state == Record.State.VOIDED and _is_void(codec.decode(old.kind, old.canonical))
        )

    def _refuse(self, external_id: str, words: str, advice: str) -> None:
        where = f"{self.facts.label or self.facts.name} {external_id or 'without an id'}"
        self.issues.append(self._issue(external_id, where=where, words=words, advice=advice))
        self.kept.counts["unreadable"] += 1

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


def _id_of(raw: dict[str, Any], facts: Facts) -> str:
    """The id in a payload. Raises ShapeError where it has none that can be kept."""
    external_id = facts.shape.external_id(raw)
    if len(external_id) > LONGEST_ID or "\0" in external_id:
        raise ShapeError("the id", f"{external_id[:60]!r} is longer than {LONGEST_ID} characters or holds no text")
    return external_id


def _is_void(record: Canonical) -> bool:
    """Whether a document says itself that it is void, as many vendors show it."""
    return getattr(record, "status", None) == "void"


def _older(record: Canonical, held: Record) -> bool:
    """Whether the vendor itself says that what we just read is older than what we hold."""
    return record.changed_at is not None and held.changed_at is not None and record.changed_at < held.changed_at
