"""Erasing a person: everything that is kept of them, wherever it stands; what the books hold is the tenant's, and stays.

Rows stay too, so that it can still be shown what was done, when and why; what a person said in them is overwritten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection as database
from django.db import models, transaction
from django.db.models import Count, Q
from django.utils import timezone

from integrations.connections.models import Connection, Errand
from integrations.connections.site import spool_of_tenant
from integrations.crosswalk.models import Identity, Link
from integrations.mapping.models import Agreement, Mapping, MappingEdition, ValueTable
from integrations.records.models import Record
from integrations.records.terms import term
from integrations.sync.erased import ErasedPerson, digests
from integrations.sync.models import Call, CallIntent, Flow, Intent, Item
from integrations.sync.traces import ERASED, PARTIES, Traces, pattern, variants
from tenants import audit
from tenants.audit import Reference, erasing
from tenants.owned import TenantOwned
from tenants.scope import current_tenant_id

# What the tenant's people have set: it is told where a person is named there, and changed by nobody but them.
SETTINGS = (Connection, Flow, Mapping, MappingEdition, ValueTable)
# Columns that hold no words of a person, but what things are called among machines.
NAMES = frozenset({
    "external_id", "target_id", "merged_into", "key", "digest", "raw_hash", "target_seen", "version", "object", "kind",
    "state", "code", "about", "operation", "method", "connector", "environment", "user", "password", "mark", "page",
    "next_mark", "edition", "role", "started_by", "approved_by",
})  # fmt: skip
PIECE = 1 << 20  # bytes of a file that are looked at together
OWN_WORDS = ("by_name", "by_legal_name", "by_email")


@dataclass
class Erasure:
    """What was erased, and what was left and why."""

    identity: UUID
    rows: Counter[str] = field(default_factory=Counter)
    # Settings that name the person, to be changed by those who made them.
    left: list[str] = field(default_factory=list)
    # How many others have the same name: it is erased only in what is about this person.
    namesakes: int = 0

    def in_words(self) -> str:
        """The whole, without a word of the person's."""
        told = [f"{number} of {name}" for name, number in sorted(self.rows.items()) if number]
        words = [f"Erased: {', '.join(told) or 'nothing was kept'}."]
        if self.namesakes:
            words.append(f"{self.namesakes} others have the same name; what is about them was left.")
        if self.left:
            words.append(f"Named also in your own settings, to be changed there: {', '.join(self.left)}.")
        return " ".join(words)


def identity_of(record: Record) -> UUID:
    """Who the record is. Raises ValidationError where nobody is linked to it."""
    links = Link.objects.filter(connection=record.connection_id, object=record.object, external_id=record.external_id)
    found = links.values_list("identity_id", flat=True).first()
    if found is None:
        raise ValidationError("This record was not brought anywhere, so it is nobody yet: run its flow first.")
    return found


@transaction.atomic
def erase(identity: UUID, *, by: Any) -> Erasure:
    """Erase the person behind this identity, over all connections. Raises ValidationError where that is not possible now.

    Nothing of it can be undone. What is on its way to a vendor comes first: then it is to be asked again.
    """
    own = _own_records(identity)
    traces = _traces(own)
    done = Erasure(identity)
    done.namesakes = _namesakes(traces, own)
    # A name that others have too says of no row that it is about this person.
    sure = pattern(traces.mails if done.namesakes else traces.names | traces.mails)
    whole = pattern(traces.names | traces.mails | traces.addresses)
    details = pattern(traces.names | traces.mails | traces.addresses | traces.details)
    about = _About.of(identity, own, traces, sure)
    _check_nothing_under_way(about)
    _close(about)
    done.left = list(_settings_naming(pattern(traces.names | traces.mails)))
    for model in _kept():
        done.rows[str(model._meta.verbose_name_plural)] = _overwrite(model, about, sure, whole, details)
    Record.objects.filter(pk__in=about.own).update(title=ERASED, **dict.fromkeys(OWN_WORDS))
    done.rows["messages of vendors that come to us"] = _forget_errands(pattern(_ascii_too(traces)))
    done.rows["parts of the audit trail"] = erasing.erase(
        subject=Reference("integrations.identity", str(identity)), subjects=about.subjects(), named=sure, by=by
    )
    _remember(identity, traces)
    audit.record("person.erased", subject=Reference("integrations.identity", str(identity)), actor=by,
                 data={"rows": dict(done.rows), "namesakes": done.namesakes, "left": len(done.left)})  # fmt: skip
    words = [*traces.names, *traces.mails]
    transaction.on_commit(lambda: _forget_working_copies(words))
    return done


# Who, and what is about them


def _own_records(identity: UUID) -> list[Record]:
    """The person's own records at all connections. Raises ValidationError where it is no person, or nobody."""
    kind = Identity.objects.filter(pk=identity).values_list("kind", flat=True).first()
    if kind is None:
        raise ValidationError("There is no such identity here.")
    if kind not in PARTIES:
        raise ValidationError(f"This is a {kind.replace('_', ' ')}: choose the record of the person themselves.")
    names = Q(pk=None)
    for link in Link.objects.filter(identity=identity):
        names |= Q(connection=link.connection_id, object=link.object, external_id=link.external_id)
    return list(Record.objects.filter(names).select_for_update())


def _traces(own: Sequence[Record]) -> Traces:
    """What they are called and where they live, now and in whatever was planned and agreed of them before."""
    traces = Traces()
    keys = [record.pk for record in own]
    said = [record.canonical for record in own]
    items = Item.objects.filter(record__in=keys)
    for wanted, differences in items.values_list("wanted", "differences"):
        said.append(wanted)
        for each in differences:
            for side in ("before", "after"):
                traces.add({each.get("field"): each.get(side)})
    for sides in Agreement.objects.filter(identity__in=items.values("identity")).values_list("source", "target"):
        said.extend(sides)
    for text in filter(None, said):
        traces.add(msgspec.json.decode(text))
    if traces.is_empty:
        raise ValidationError("Nothing is kept of this person any more.")
    return traces


def _namesakes(traces: Traces, own: Sequence[Record]) -> int:
    """How many other people or firms have one of the names."""
    named = [term(name) for name in traces.names]
    others = Record.objects.filter(by_name__in=named, kind__in=PARTIES).exclude(pk__in=[each.pk for each in own])
    return others.count()


@dataclass(frozen=True)
class _About:
    """The rows that are about the person by what they refer to."""

    own: Sequence[UUID]
    records: Sequence[UUID]
    identities: Sequence[UUID]
    items: Sequence[UUID]
    calls: Sequence[UUID]
    # Calls that say nothing of anybody else.
    calls_alone: Sequence[UUID]

    @classmethod
    def of(cls, identity: UUID, own: Sequence[Record], traces: Traces, sure: str) -> _About:
        """What refers to the person: their documents at all ends, and what was planned and sent of these and of them."""
        documents = list(_documents(own, traces, sure))
        names = Q(pk=None)
        for record in documents:
            names |= Q(connection=record.connection_id, object=record.object, external_id=record.external_id)
        identities = {identity, *Link.objects.filter(names).values_list("identity_id", flat=True)}
        calls = CallIntent.objects.filter(intent__identity__in=identities).values_list("call_id", flat=True)
        counted = CallIntent.objects.filter(call__in=set(calls)).values_list("call_id").annotate(number=Count("pk"))
        records = [*(each.pk for each in own), *(each.pk for each in documents)]
        return cls(
            own=[each.pk for each in own],
            records=records,
            identities=list(identities),
            items=list(Item.objects.filter(record__in=records).values_list("pk", flat=True)),
            calls=[call for call, _ in counted],
            calls_alone=[call for call, number in counted if number == 1],
        )

    def rows(self, model: type[models.Model], *, alone: bool) -> Q:
        """Which rows of a model are about the person; `alone`: and about nobody else."""
        names = {each.name for each in model._meta.fields}
        if model is Record:
            return Q(pk__in=self.records)
        if model is Call:
            return Q(pk__in=self.calls_alone if alone else self.calls)
        found = Q(pk=None)
        if "record" in names:
            found |= Q(record__in=self.records)
        if "identity" in names:
            found |= Q(identity__in=self.identities)
        return found

    def subjects(self) -> list[str]:
        """The ids by which the audit trail names them."""
        return [str(each) for each in (*self.records, *self.identities, *self.items, *self.calls)]


def _documents(own: Sequence[Record], traces: Traces, sure: str) -> Iterator[Record]:
    """The documents that refer to the person and say something of them, or that name them for sure."""
    said = pattern(traces.names | traces.mails | traces.addresses)
    others = Record.objects.exclude(kind__in=PARTIES)
    refers = Q(pk=None)
    for record in own:
        mark = msgspec.json.encode({"external_id": record.external_id}).decode()[1:-1]
        refers |= Q(connection=record.connection_id, canonical__contains=mark)
    found = others.filter(refers & (Q(canonical__iregex=said) | Q(raw__iregex=said)) | Q(canonical__iregex=sure))
    yield from found.only("pk", "connection_id", "object", "external_id").order_by("pk")


def _check_nothing_under_way(about: _About) -> None:
    """Raises ValidationError while something of the person is being sent, or waits for the end of a question."""
    unsettled = Intent.objects.filter(identity__in=about.identities, settled_at=None)
    if unsettled.exists():
        raise ValidationError(
            "Something about this person is just being sent, or its answer is unknown. Erase them when that is settled."
        )


def _close(about: _About) -> None:
    """What is planned or held of the person's own records is no more to be done."""
    standing = Item.objects.filter(record__in=about.own, state__in=Item.OPEN)
    standing.update(state=Item.State.SKIPPED, reason="erased", ended_at=timezone.now())


# Overwriting


def _kept() -> Iterator[type[models.Model]]:
    """Every table in which something of what vendors say may stand."""
    for model in apps.get_app_config("integrations").get_models():
        if issubclass(model, TenantOwned) and model not in SETTINGS and model is not ErasedPerson and _texts(model):
            yield model


def _texts(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    return [
        each
        for each in model._meta.concrete_fields
        if isinstance(each, models.CharField | models.TextField | models.JSONField)
        and not each.choices
        and each.name not in NAMES
    ]


def _overwrite(model: type[models.Model], about: _About, sure: str, whole: str, details: str) -> int:
    """Overwrite what stands of the person in the rows about them, and what is theirs for sure in all others."""
    changed = _replace(model, details, rows=about.rows(model, alone=True))
    changed += _replace(model, whole, rows=about.rows(model, alone=False))
    # Of somebody else's own record nothing but the name: they may live in the same house.
    return changed + _replace(model, sure if model is Record else whole, found_by=sure)


def _replace(model: type[models.Model], words: str, *, rows: Q | None = None, found_by: str = "") -> int:
    """Overwrite the words in all texts of these rows, or of those in which something is found; gives in how many."""
    objects: Any = model._default_manager
    keys = None if rows is None else list(objects.filter(rows).order_by().values_list("pk", flat=True))
    if keys == []:
        return 0
    changes = []
    for each in _texts(model):
        new = f"regexp_replace({_quoted(each.column)}::text, %(words)s, %(erased)s, 'gi')"
        if isinstance(each, models.JSONField):
            new = f"({new})::jsonb"
        elif each.max_length:
            new = f"left({new}, {int(each.max_length)})"
        changes.append(f"{_quoted(each.column)} = {new}")
    statement = f"UPDATE {_quoted(model._meta.db_table)} SET {', '.join(changes)} WHERE {_naming(model)}"  # noqa: S608
    if keys is not None:
        statement += " AND id = ANY(%(keys)s)"
    given = {"words": words, "erased": ERASED, "keys": keys, "found": found_by or words}
    with database.cursor() as cursor:
        cursor.execute(statement, given | {"tenant": current_tenant_id()})
        return cursor.rowcount


def _naming(model: type[models.Model]) -> str:
    """The condition that a row of the tenant holds what is %(found)s in any of its texts."""
    found = " OR ".join(f"{_quoted(each.column)}::text ~* %(found)s" for each in _texts(model))
    return f"tenant_id = %(tenant)s AND ({found})"


def _quoted(name: str | None) -> str:
    return database.ops.quote_name(name or "")


def _settings_naming(words: str) -> Iterator[str]:
    for model in SETTINGS:
        table = _quoted(model._meta.db_table)
        with database.cursor() as cursor:
            cursor.execute(
                f"SELECT id FROM {table} WHERE {_naming(model)}",  # noqa: S608
                {"found": words, "tenant": current_tenant_id()},
            )
            keys = [key for (key,) in cursor.fetchall()]
        objects: Any = model._default_manager
        for row in objects.filter(pk__in=keys):
            yield f"{model._meta.verbose_name} {row.pk}"


# What is no table of texts


def _ascii_too(traces: Traces) -> Collection[str]:
    """The words as PostgreSQL shows bytes: what is not ASCII by its octal numbers."""
    words = traces.names | traces.mails
    return words | {"".join(chr(b) if b < 128 else f"\\{b:03o}" for b in word.encode()) for word in words}


def _forget_errands(words: str) -> int:
    """Requests and answers that vendors fetched and brought; none of them is open, or its call would be too."""
    held = Q()
    for column in ("request", "answer"):
        held |= Q(**{f"{column}_told__iregex": words})
    told = Errand.objects.exclude(state__in=Errand.OPEN).annotate(
        request_told=_escaped("request"), answer_told=_escaped("answer")
    )
    keys = list(told.filter(held).values_list("pk", flat=True))
    Errand.objects.filter(pk__in=keys).delete()
    return len(keys)


def _escaped(column: str) -> models.Func:
    return models.Func(models.F(column), models.Value("escape"), function="encode", output_field=models.TextField())


def _remember(identity: UUID, traces: Traces) -> None:
    now = timezone.now()
    known = ErasedPerson.objects.filter(identity_id=identity).first()
    person = known or ErasedPerson(identity_id=identity, digests=[])
    person.digests = sorted({*person.digests, *digests(traces.names | traces.mails)})
    person.erased_at = person.looked_at = now
    person.save()


def _forget_working_copies(words: Iterable[str]) -> None:
    """Remove the copies of files that are being worked on where they name the person: losing one costs only time."""
    wanted = [variant.encode().lower() for word in words for variant in variants(word)]
    for path in sorted(spool_of_tenant().rglob("*")):
        if path.is_file() and _holds(path, wanted):
            base = path.name.removesuffix("-wal").removesuffix("-shm").removesuffix("-journal")
            for ending in ("", "-wal", "-shm", "-journal"):
                path.with_name(base + ending).unlink(missing_ok=True)


def _holds(path: Path, words: Sequence[bytes]) -> bool:
    """Whether any of the words stands in the file, which is read a piece at a time."""
    overlap = max(map(len, words))
    rest = b""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            seen = rest + piece.lower()
            if any(word in seen for word in words):
                return True
            rest = seen[-overlap:]
    return False
