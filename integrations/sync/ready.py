"""Ready: what is still missing before a flow can run well, found before anything is read or sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

import msgspec
from django.core.exceptions import ValidationError

from integrations.canonical import KINDS
from integrations.connections.models import Connection
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.mapping.check import Asked, fields_set, references_asked
from integrations.mapping.models import ValueTable
from integrations.mapping.rules import Rules
from integrations.mapping.services import effective_rules
from integrations.mapping.translate import NAMES_OF_REF, REST
from integrations.records.models import Record
from integrations.sync import references
from integrations.sync.models import Flow
from integrations.sync.policy import policy_of
from integrations.wire.errors import Refused
from integrations.wire.shape import F, Lines
from integrations.wire.stream import Stream as Facts

BOUGHT = ("bill", "vendor_credit", "purchase_order")
SHOWN = 5  # values without an entry that are named one by one
PAGE = 2000  # of the source's records that are looked at


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is missing, and what to do about it."""

    field: str
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{f'{self.field}: ' if self.field else ''}{self.message} {self.advice}"


def gaps(flow: Flow) -> list[Gap]:
    """What is missing before a flow can run well; nothing where it is ready. Asks no vendor."""
    found = list(_ends(flow))
    try:
        rules = effective_rules(flow.mapping)
    except ValidationError as refused:
        return [*found, *(Gap("", message, "Correct the mapping.") for message in refused.messages)]
    for asked in references_asked(rules):
        found += _by_table(flow, asked) if asked.table else _by_link(flow, asked)
    return found + list(_places(flow, rules))


def _ends(flow: Flow) -> Iterator[Gap]:
    """What one of the two systems cannot do."""
    named = {end.connector: {stream.name: stream for stream in connector(end.connector).streams} for end in _pair(flow)}
    source = named[flow.source.connector].get(flow.source_object)
    target = named[flow.target.connector].get(flow.target_object)
    for end, name, facts in ((flow.source, flow.source_object, source), (flow.target, flow.target_object, target)):
        if facts is None:
            yield Gap("", f"{end} has no {name}.", "Choose another object for this flow.")
    if source is not None and not source.reads:
        yield Gap("", f"{flow.source} does not let anybody read {flow.source_object}.", "Choose another source.")
    if target is not None:
        for operation in policy_of(flow.policy).may:
            if operation not in target.writes:
                message = f"{flow.target} does not let anybody {operation} {flow.target_object}."
                yield Gap("", message, f"Take '{operation}' out of what the flow may do.")
        yield from _undescribed(flow.target, target)
    homes = [str(end.settings.get("home_currency") or "") for end in _pair(flow)]
    if all(homes) and homes[0] != homes[1] and "exchange_rate" in KINDS[flow.mapping.kind_to].__struct_fields__:
        message = f"{flow.source} keeps its books in {homes[0]} and {flow.target} in {homes[1]}."
        yield Gap("exchange_rate", message, "A rate of one says nothing in the other: drop the rule for it.")


def _undescribed(target: Connection, facts: Facts) -> Iterator[Gap]:
    """A file that is to be published, and of which nobody has said what it looks like."""
    try:
        connector(target.connector).dialect.sheet(facts, site_of(target))
    except Refused as refused:
        yield Gap("", refused.explanation, refused.advice)


def _pair(flow: Flow) -> tuple[Connection, Connection]:
    return flow.source, flow.target


def _by_link(flow: Flow, asked: Asked) -> list[Gap]:
    """A reference that only a flow of the referred kind can bring."""
    brought = Flow.objects.filter(
        source=flow.source_id, target=flow.target_id, mapping__kind_from=asked.kind, enabled=True
    )
    if brought.exists():
        return []
    kind = asked.kind.replace("_", " ")
    message = f"no flow brings any {kind} from {flow.source} to {flow.target}, so what names one would wait for ever."
    return [Gap(asked.field, message, "Set up a flow for that kind, give the rule a value table, or drop it.")]


def _by_table(flow: Flow, asked: Asked) -> Iterator[Gap]:
    """A reference that a value table is asked for: what is named must be there, and what is here must have a name."""
    table = ValueTable.objects.filter(name=asked.table).first()
    if table is None:
        yield Gap(asked.field, f"there is no value table '{asked.table}'.", "Add it.")
        return
    there = {row.external_id for row in _kept(flow.target, asked.kind)}
    strange = [f"{key} => {value}" for key, value in table.entries.items() if there and value and value not in there]
    if strange:
        message = f"the value table '{asked.table}' names what {flow.target} does not have: {_few(strange)}."
        yield Gap(asked.field, message, "Correct the entries.")
    if REST in table.entries:
        return
    known = _linked(flow, asked.kind)
    nameless = [row for row in _kept(flow.source, asked.kind) if not (_names(row) & table.entries.keys() or known(row))]
    if nameless:
        message = f"the value table '{asked.table}' has no entry for {_few([row.title for row in nameless])}."
        advice = "Add entries for those that are used: what names one of them is held."
        if asked.kind == "tax_rate" and (alike := _of_the_same_rate(flow, nameless)):
            advice += f" By their rates these would be: {_few(alike)}."
        yield Gap(asked.field, message, advice)


def _of_the_same_rate(flow: Flow, nameless: list[Record]) -> list[str]:
    """Entries for tax rates of which the target has exactly one of that rate for such documents: proposed, never made."""
    use = "purchases" if flow.mapping.kind_to in BOUGHT else "sales"
    there: dict[Decimal, list[str]] = defaultdict(list)
    for row in _kept(flow.target, "tax_rate"):
        said = _said(row)
        if said.get("rate_percent") and said.get("applies_to", use) in (use, "both"):
            there[Decimal(said["rate_percent"])].append(row.external_id)
    rates = {row.title: _said(row).get("rate_percent") for row in nameless}
    alike = {name: there.get(Decimal(rate), []) for name, rate in rates.items() if rate}
    return [f"{name} => {ids[0]}" for name, ids in alike.items() if len(ids) == 1]


def _kept(end: Connection, kind: str) -> list[Record]:
    """What was read of a kind at one end; nothing where that is more than is looked at here."""
    objects = [stream.name for stream in connector(end.connector).streams if stream.kind == kind]
    rows = Record.objects.filter(connection=end, object__in=objects, state__in=Record.READABLE).order_by("title")
    found = list(rows[: PAGE + 1])
    return found if len(found) <= PAGE else []


def _names(row: Record) -> set[str]:
    """By which names a value table may know a record."""
    said = _said(row)
    return {str(said[name]) for name in NAMES_OF_REF if said.get(name)}


def _said(row: Record) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.json.decode(row.canonical)
    return said


def _linked(flow: Flow, kind: str) -> Callable[[Record], bool]:
    """Whether a record of the source is linked to one of the target."""
    ids = {(kind, row.external_id) for row in _kept(flow.source, kind)}
    refer = references.resolver(flow, ids)
    return lambda row: refer(kind, {"external_id": row.external_id}) is not None


def _places(flow: Flow, rules: Rules) -> Iterator[Gap]:
    """Fields for which the target's object has no place at all."""
    facts = {stream.name: stream for stream in connector(flow.target.connector).streams}.get(flow.target_object)
    if facts is None:
        return
    heads, members = _known(facts)
    lost = [
        (head, field)
        for head, field in fields_set(rules)
        if head not in heads and (head not in members or (field and field not in members[head]))
    ]
    for head, fields in groupby(lost, key=lambda pair: pair[0]):
        names = [f"{head}[].{field}" if field else head for _, field in fields]
        message = f"{flow.target} has no place for {', '.join(names)} in its {facts.label or facts.name}."
        yield Gap("", message, "What these say is not brought; drop the rules, or put it into another field.")


def _known(facts: Facts) -> tuple[set[str], dict[str, set[str]]]:
    """The fields that an object's table takes whole, and of lists that it takes by member the fields of these."""
    heads: set[str] = set()
    members: dict[str, set[str]] = {}
    for part in facts.shape.fields:
        if isinstance(part, F):
            heads.add(part.ours.partition(".")[0])
        elif isinstance(part, Lines):
            own = {each.ours.partition(".")[0] for each in part.fields if isinstance(each, F | Lines)}
            members.setdefault(part.ours, set()).update(own)
    return heads, members


def _few(texts: list[str]) -> str:
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return f"{', '.join(texts[:SHOWN])}{more}"
