"""Records together with what stands behind their references: a document and its lines, a payment and what it settles.

From version 17 on one call answers that. Older servers tell ids only, so there the answer is joined from one call for each
level: the heads, their lines, the taxes of the lines. What was read before travels with the next question, in the member
by which JSON-RPC tells answers apart: the server sends it back as it came, so that nobody has to remember anything.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from integrations.wire.errors import ContractBroken
from integrations.wire.message import Answer, Pending, Request, json_body
from integrations.wire.site import Site
from integrations.wire.stream import Stream

from . import versions
from .faults import result_of
from .rpc import call

Row = dict[str, Any]
Spec = Mapping[str, Mapping[str, Any]]

EVERYTHING = {"active_test": False}
"""The context in which archived records are seen as well."""

_MARK = "joined:"
_LABELS = (("display_name",), ("name",))
"""What a reference tells of the record behind it by itself: `name` is the label of those for which it is asked."""

BEHIND = {
    ("account.move", "invoice_line_ids"): "account.move.line",
    ("account.move", "line_ids"): "account.move.line",
    ("account.move.line", "purchase_line_id"): "purchase.order.line",
    ("account.move.line", "tax_ids"): "account.tax",
    ("account.move.line", "matched_debit_ids"): "account.partial.reconcile",
    ("account.move.line", "matched_credit_ids"): "account.partial.reconcile",
    ("account.move.line", "move_id"): "account.move",
    ("account.partial.reconcile", "debit_move_id"): "account.move.line",
    ("account.partial.reconcile", "credit_move_id"): "account.move.line",
    ("account.payment", "move_id"): "account.move",
    ("account.payment.term", "line_ids"): "account.payment.term.line",
    ("purchase.order", "order_line"): "purchase.order.line",
    ("purchase.order.line", "taxes_id"): "account.tax",
    ("res.currency.rate", "company_id"): "res.company",
    ("sale.order", "order_line"): "sale.order.line",
    ("sale.order.line", "tax_id"): "account.tax",
}


def search(site: Site, model: str, domain: list[Any], spec: Spec, *, limit: int | None = None) -> Request:
    """The question for the records of a domain, by id, archived ones too, and what `spec` names behind their references."""
    options: dict[str, Any] = {"order": "id asc", **({"limit": limit} if limit else {})}
    spec = translated(model, spec, site)
    if all("fields" not in each for each in spec.values()):
        return call(site, model, "search_read", [domain], context=EVERYTHING, fields=list(spec), **options)
    if versions.of(site) >= versions.FIRST_THAT_JOINS:
        options |= {"domain": domain, "specification": dict(spec)}
        return call(site, model, "web_search_read", [], context=EVERYTHING, **options)
    levels = list(_levels(model, spec))
    number = _Journey(levels, 0, []).packed()
    return call(
        site, model, "search_read", [domain], context=EVERYTHING, number=number, fields=levels[0].fields, **options
    )


def translated(model: str, spec: Spec, site: Site) -> dict[str, Any]:
    """What is asked for, by the names of the server's version, at every level."""
    inner = {
        name: {"fields": translated(BEHIND.get((model, name), ""), each["fields"], site)} if "fields" in each else each
        for name, each in spec.items()
    }
    return versions.spec(model, inner, site)


def told(model: str, rows: list[Row], site: Site) -> list[Row]:
    """Rows by the names and in the words of version 17, at every level."""
    for (of, name), behind in BEHIND.items():
        if of == model:
            for row in rows:
                row.update({name: _told_behind(behind, row[name], site)} if row.get(name) else {})
    return versions.told(model, rows, site)


def _told_behind(model: str, value: Any, site: Site) -> Any:
    if isinstance(value, dict):
        return told(model, [value], site)[0]
    return told(model, value, site) if all(isinstance(each, dict) for each in value) else value


def spec_of(stream: Stream) -> Spec:
    """What is read of a stream's records, in the words of version 17."""
    plain: Spec = {name: {} for name in stream.facts.get("fields", ())}
    return stream.facts.get("spec") or plain


def further(answer: Answer, site: Site) -> Pending | None:
    """The next question of a joined answer; None where the answer is whole, or says that something is wrong."""
    journey = _journey_of(answer)
    if journey is None or b'"result"' not in answer.body:
        return None
    journey = journey.with_level(_records(result_of(answer)))
    ids = journey.ids_ahead()
    if ids is None:
        return None
    level = journey.levels[journey.at]
    return Pending(
        then=call(site, level.model, "read", [ids], number=journey.packed(), fields=level.fields), after=0
    )  # fmt: skip


def rows_of(answer: Answer) -> list[Row]:
    """The records that were asked for. Raises the VendorError that the answer stands for."""
    rows, journey = _records(result_of(answer)), _journey_of(answer)
    return rows if journey is None else journey.with_level(rows).rows


def _records(result: Any) -> list[Row]:
    if isinstance(result, dict):
        result = result.get("records")
    if not isinstance(result, list) or not all(isinstance(row, dict) for row in result):
        raise ContractBroken(explanation="Odoo answered a search without a list of records.")
    return result


# --- joining, level by level -----------------------------------------------------------------------------------------


class _Level(msgspec.Struct, array_like=True):
    """Records at one place of the tree: the fields on the way to it, what is read of them, and how references are told."""

    path: list[str]
    model: str
    fields: list[str]
    labels: dict[str, str]


def _levels(model: str, spec: Spec, path: tuple[str, ...] = ()) -> Iterator[_Level]:
    """The levels of a tree, each before those below it."""
    inner = {name: each["fields"] for name, each in spec.items() if "fields" in each}
    labels = {name: next(iter(fields)) for name, fields in inner.items() if tuple(fields) in _LABELS}
    yield _Level(list(path), model, list(spec), labels)
    for name, fields in inner.items():
        if name not in labels:
            yield from _levels(BEHIND[model, name], fields, (*path, name))


class _Journey(msgspec.Struct):
    """How far a joined answer is: the levels of its tree, the one that is being read, and what was read before."""

    levels: list[_Level]
    at: int
    rows: list[Row]

    def packed(self) -> str:
        return (
            _MARK
            + base64.b64encode(zlib.compress(json_body(msgspec.to_builtins(self, builtin_types=(Decimal,))))).decode()
        )

    def with_level(self, found: list[Row]) -> _Journey:
        """This journey with the records of its level in their places; levels at which there is nothing are passed."""
        level = self.levels[self.at]
        for row in found:
            for name, label in level.labels.items():
                row[name] = {"id": row[name][0], label: row[name][1]} if row.get(name) else False
        rows = found if not level.path else _placed(self.rows, level.path, {row["id"]: row for row in found})
        ahead = _Journey(self.levels, self.at + 1, rows)
        while ahead.ids_ahead() == []:
            ahead = _Journey(ahead.levels, ahead.at + 1, _placed(ahead.rows, ahead.levels[ahead.at].path, {}))
        return ahead

    def ids_ahead(self) -> list[int] | None:
        """The records to be read next; None where there is no level left."""
        if self.at == len(self.levels):
            return None
        path = self.levels[self.at].path
        parents = _at(self.rows, path[:-1])
        return sorted({id for parent in parents for id in _ids(parent[path[-1]])})


def _journey_of(answer: Answer) -> _Journey | None:
    if _MARK.encode() not in answer.body:
        return None
    try:
        number = msgspec.json.decode(answer.body, type=_Numbered).id
        packed = base64.b64decode(str(number).removeprefix(_MARK)) if str(number).startswith(_MARK) else b""
        plain = _EXACT.decode(zlib.decompress(packed)) if packed else None
        return msgspec.convert(plain, _Journey) if plain else None
    except (msgspec.MsgspecError, ValueError, zlib.error) as error:
        raise ContractBroken(
            explanation="Odoo sent back another number than it was given with the question."
        ) from error


class _Numbered(msgspec.Struct):
    id: Any = None


_EXACT = msgspec.json.Decoder(float_hook=Decimal)


def _at(rows: Sequence[Row], path: Sequence[str]) -> list[Row]:
    """The records at the end of a path."""
    found = list(rows)
    for name in path:
        below = [row[name] for row in found if row.get(name)]
        found = [each for value in below for each in (value if isinstance(value, list) else [value])]
    return found


def _ids(value: Any) -> list[int]:
    """The ids in a reference or a list of references, as `read` tells them."""
    if not value:
        return []
    return [value[0]] if _is_pair(value) else list(value)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[1], str)


def _placed(rows: list[Row], path: Sequence[str], found: Mapping[int, Row]) -> list[Row]:
    for parent in _at(rows, path[:-1]):
        value = parent[path[-1]]
        there = [found[id] for id in _ids(value) if id in found]
        parent[path[-1]] = (there[0] if there else False) if _is_pair(value) or not value else there
        if value == []:
            parent[path[-1]] = []
    return rows
