"""Odoo's language: reading by model and domain, `load` for what is new or changed, methods for what becomes of documents.

A sweep walks by id, over everything or over what was written since the mark: an id never moves, so that no row is missed
or met twice however many share the second of their `write_date`. What is edited meanwhile is younger than the next mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from integrations.wire.connector import Company, Dialect, Done, Failed, Outcome, Write
from integrations.wire.errors import ContractBroken, Forbidden, Missing, Refused, TryLater
from integrations.wire.locks import Lock
from integrations.wire.message import Answer, Pending, Request
from integrations.wire.site import Site
from integrations.wire.statuses import answered_at
from integrations.wire.stream import Cursor, Gone, Operation, Page, Stream

from . import nested, versions
from .bodies import changed_sheet, changes, id_in, new_sheet, paid, reversal_sheet
from .faults import UNKNOWN, another_version, check_loaded, posted_already, refused, result_of
from .loading import Sheet, in_words_of, table
from .payments import application, is_for_several, next_application
from .quirks import MODULE, mark_of, moment_text
from .reversal import BY_REVERSING, reversal_in, reverses
from .rpc import call, company_id
from .steps import (
    MOVES,
    Row,
    how_far,
    is_cancelled,
    is_draft,
    outcome_of,
    plan_of,
    wants_posting,
    wants_reopening,
)

_MOST_LINES = 1000
"""Lines in one load: measured, Odoo makes about a hundred a second, and a call is stopped after two minutes."""

_MOST_IDS = 10_000
"""Ids in one answer, when they are compared with those that we hold."""

_BINDS: Mapping[str, dict[str, Any]] = {
    "tax_lock_date": {"taxed": True},
    "sale_lock_date": {"kinds": frozenset(("invoice", "credit_note"))},
    "purchase_lock_date": {"kinds": frozenset(("bill", "vendor_credit"))},
}
"""What a lock date binds, where that is not everything."""

_NEVER = 0
"""An id that no record has."""


class OdooDialect(Dialect):
    """The language itself; what differs from stream to stream stands in `stream.path` (the model) and `.facts`."""

    # --- reading ---

    def ask(self, stream: Stream, cursor: Cursor, site: Site) -> Request:
        domain = [*_scope(stream, site)]
        if cursor.mark is not None:
            domain.append(["write_date", ">=", cursor.mark])
        if cursor.page is not None:
            domain.append(["id", ">", int(cursor.page)])
        return _search(stream, domain, site, limit=stream.page_size)

    def read(self, stream: Stream, cursor: Cursor, answer: Answer, site: Site) -> Page:
        rows = _rows(stream, answer, site)
        mark = moment_text(answered_at(answer), less=stream.overlap_seconds)
        if cursor.page == "fetch":
            return _fetched(stream, rows, mark)
        if len(rows) < stream.page_size:
            return Page(raws=rows, mark=mark)
        return Page(raws=rows, next=str(rows[-1]["id"]), mark=mark)

    def pending(self, answer: Answer, site: Site) -> Pending | None:
        return nested.further(answer, site) or next_application(answer, site)

    def fetch(self, stream: Stream, external_ids: Sequence[str], site: Site) -> Request:
        # By id alone: what has only moved out of the stream's domain is there all the same.
        return _search(stream, [["id", "in", [int(each) for each in external_ids]]], site)

    def list_ids(self, stream: Stream, page: str | None, site: Site) -> Request | None:
        domain = [*_scope(stream, site), ["id", ">", int(page or _NEVER)]]
        return call(
            site, stream.path, "search", [domain], context=nested.EVERYTHING, order="id asc", limit=_MOST_IDS
        )  # fmt: skip

    def read_ids(self, stream: Stream, answer: Answer, site: Site) -> tuple[Sequence[str], str | None]:
        ids = result_of(answer)
        if not isinstance(ids, list) or not all(isinstance(each, int) for each in ids):
            raise ContractBroken(explanation="Odoo answered a search without a list of ids.")
        return [str(each) for each in ids], str(ids[-1]) if len(ids) >= _MOST_IDS else None

    # --- writing ---

    def steps(self, stream: Stream, operation: Operation) -> int:
        return len(plan_of(stream, operation))

    def compose(self, stream: Stream, writes: Sequence[Write], key: str, site: Site, step: int = 1) -> Request:
        """One call for this step. Where Odoo cannot take all in one call, the first go and `outcomes` sends the others back."""
        match plan_of(stream, writes[0].operation)[step - 1]:
            case "load":
                return self._load(stream, writes, site)
            case "write":
                return self._write(stream, writes[0], site)
            case "reopen":
                return self._reopen(stream, writes[0], site)
            case "reset":
                return self._reset(stream, writes, site)
            case "cancel":
                return self._cancel(stream, writes, site)
            case "post":
                drafts = _drafts(writes)
                return call(site, stream.path, stream.facts["post"], [drafts]) if drafts else _see(stream, writes, site)
            case "apply":
                applying = application(site, writes[0], writes[0].raw or {})
                return applying or _see(stream, writes, site)
            case _:
                return _see(stream, writes, site)

    def _load(self, stream: Stream, writes: Sequence[Write], site: Site) -> Request:
        sheets = _sheets(stream, writes, site)
        sheets = [sheet for sheet, goes in zip(sheets, _going(sheets), strict=True) if goes]
        columns, rows = table(sheets)
        context = nested.EVERYTHING if writes[0].operation == "update" else {}
        return call(site, stream.path, "load", [columns, rows], context=context)

    def _write(self, stream: Stream, write: Write, site: Site) -> Request:
        values = versions.values(stream.path, changes(stream, write, site), site)
        return call(site, stream.path, "write", [[int(id_in(write))], values])

    def _reopen(self, stream: Stream, write: Write, site: Site) -> Request:
        if (write.raw or {}).get("state") == "cancel":
            raise refused("the document was cancelled in Odoo: reset it there to a draft, or make a new one")
        if not wants_reopening(write):
            changes(stream, write, site)  # what cannot be said is refused before anything is touched
            return _see(stream, [write], site)
        if against := paid(write):
            raise against
        if not site.settings.get("change_posted"):
            raise posted_already()
        changes(stream, write, site)
        return call(site, stream.path, "button_draft", [[int(id_in(write))]])

    def _reset(self, stream: Stream, writes: Sequence[Write], site: Site) -> Request:
        """Older servers cancel a posted document and leave what it was settled with: there it becomes a draft before."""
        if stream.facts["steps"] is MOVES:
            for write in writes:
                if against := paid(write):
                    raise against
        if reverses(site, writes[0]):
            return self._load(stream, writes, site)
        standing = [int(id_in(write)) for write in writes if not is_draft(write.raw) and not is_cancelled(write.raw)]
        if versions.of(site) >= versions.FIRST_THAT_RESETS or not standing:
            return _see(stream, writes, site)
        return call(site, stream.path, stream.facts["reset"], [standing])

    def _cancel(self, stream: Stream, writes: Sequence[Write], site: Site) -> Request:
        if reverses(site, writes[0]):
            opposites = [reversal_in(write.raw or {}) for write in writes]
            return call(site, stream.path, stream.facts["post"], [[id for id in opposites if id]])
        ids = [int(id_in(write)) for write in writes if not is_cancelled(write.raw)]
        if not ids:
            return _see(stream, writes, site)
        return call(site, stream.path, stream.facts["cancel"], [ids], context={"disable_cancel_warning": True})

    def outcomes(
        self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site, step: int = 1
    ) -> list[Outcome]:
        plan = plan_of(stream, writes[0].operation)
        name = plan[step - 1]
        if name == "reset" and reverses(site, writes[0]):
            made = _loaded(_sheets(stream, writes, site), check_loaded(result_of(answer)))
            return [_with_reversal(write, outcome) for write, outcome in zip(writes, made, strict=True)]
        if name == "load":
            return _loaded(_sheets(stream, writes, site), check_loaded(result_of(answer)))
        if name == "read":
            rows = _by_id(_rows(stream, answer, site))
            later = {"before_posting": "post" in plan[step:], "before_applying": "apply" in plan[step:]}
            return [outcome_of(stream, write, rows.get(id_in(write)), site, **later) for write in writes]
        if name in ("write", "reopen"):
            return [self._first(name, writes[0], answer), *(_not_now() for _ in writes[1:])]
        try:
            result_of(answer)
        except Refused as error:
            # The first document may have used the payment up: what is read next tells.
            if name == "apply" and is_for_several(writes[0]) and not isinstance(error, Forbidden):
                return [Done(external_id=id_in(write)) for write in writes]
            raise
        if name == "reset" and versions.of(site) < versions.FIRST_THAT_RESETS:
            return [_now_a_draft(write) for write in writes]
        return [Done(external_id=id_in(write)) for write in writes]

    def _first(self, name: str, write: Write, answer: Answer) -> Outcome:
        """What became of a step that goes one document a call."""
        result_of(answer)
        if name == "reopen" and wants_reopening(write):
            return _now_a_draft(write)
        if name == "reopen" and not nested.rows_of(answer):
            return Failed(error=Missing(code="gone", explanation="Odoo no longer has this document."))
        return Done(external_id=id_in(write))

    # --- was it done? ---

    def look_up(self, stream: Stream, writes: Sequence[Write], site: Site) -> Request:
        """New records by the external ids that we gave them, others by what stands there now."""
        if writes[0].external_id is not None:
            return _see(stream, writes, site)
        names = [mark_of(write.key) for write in writes]
        domain = [["module", "=", MODULE], ["model", "=", stream.path], ["name", "in", names]]
        return call(site, "ir.model.data", "search_read", [domain], fields=["name", "res_id"])

    def found(self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site) -> list[Outcome | None]:
        if writes[0].external_id is not None:
            there = _by_id(_rows(stream, answer, site))
            return [how_far(stream, write, there.get(id_in(write)), site) for write in writes]
        made = {str(row["name"]): row["res_id"] for row in nested.rows_of(answer)}
        names = [mark_of(write.key) for write in writes]
        return [Done(external_id=str(made[name])) if name in made else None for name in names]

    # --- whose books ---

    def whoami(self, site: Site) -> Request:
        """The company, by a field that only servers of this version have: another one refuses to tell it."""
        version = versions.of(site)
        country = "country_code" if version >= versions.FIRST_THAT_COMPUTES else "country_id"
        told = ["name", "currency_id", country, *versions.SIGNS.get(version, ()), *versions.locks_of(site)]
        fields = list(dict.fromkeys(told))
        return call(site, "res.company", "search_read", [[["id", "=", company_id(site)]]], fields=fields)

    def company(self, answer: Answer, site: Site) -> Company:
        try:
            rows = nested.rows_of(answer)
        except Refused as error:
            if error.code not in UNKNOWN:
                raise
            raise another_version(error, str(versions.of(site))) from error
        if not rows:
            raise Forbidden(
                explanation="The connected Odoo user does not see this company.",
                advice="Check the company's number in the settings, or allow the user this company in Odoo.",
            )
        (row,) = rows
        return Company(
            name=row["name"],
            id=f"{site.settings['database']}/{row['id']}",
            currency=row["currency_id"][1] if row.get("currency_id") else None,
            country=row.get("country_code") or None,
            environment=site.environment,
        )

    def locks(self, answer: Answer, site: Site) -> Sequence[Lock] | None:
        row = next(iter(nested.rows_of(answer)), {})
        days = {name: row.get(name) for name in versions.locks_of(site)}
        return [
            Lock(name=name.replace("_", " "), until=date.fromisoformat(day), **_BINDS.get(name, {}))
            for name, day in days.items()
            if day
        ]

    def day_field(self, stream: Stream) -> str | None:
        """A bill counts on its day in the ledger, which is sent beside its own."""
        return "posted_on" if stream.kind == "bill" else super().day_field(stream)

    def ends_on_its_day(self, stream: Stream, operation: Operation, site: Site) -> bool:
        """The opposite of a bill is dated on the bill's own day, that of any other document on the day of posting."""
        is_reversed = operation == "credit" or site.settings.get("void_by") == BY_REVERSING
        return not is_reversed or stream.facts["steps"] is not MOVES or stream.kind == "bill"

    def link(self, stream: Stream, external_id: str, site: Site) -> str | None:
        if not site.addresses.app or not external_id.isdigit():
            return None
        return f"{site.addresses.app}/web#id={external_id}&model={stream.path}&view_type=form"


# --- asking ----------------------------------------------------------------------------------------------------------


def _search(stream: Stream, domain: list[Any], site: Site, *, limit: int | None = None) -> Request:
    return nested.search(site, stream.path, domain, nested.spec_of(stream), limit=limit)


def _see(stream: Stream, writes: Sequence[Write], site: Site) -> Request:
    """Read the records of these writes as they stand now."""
    ids = [int(write.external_id or _NEVER) for write in writes]
    return _search(stream, [["id", "in", ids]], site)


def _scope(stream: Stream, site: Site) -> list[Any]:
    """Which of the model's records belong to the stream and to the company."""
    domain: list[Any] = [list(condition) for condition in stream.facts.get("domain", ())]
    if stream.facts.get("by_company"):
        domain.append(["company_id", "=", company_id(site)])
    return domain


def _fetched(stream: Stream, rows: Sequence[Row], mark: str) -> Page:
    """What was read by its id; a document that was turned into one of another type cannot be read as one of the stream."""
    fixed = {name: value for name, operator, value in stream.facts.get("domain", ()) if operator == "="}
    turned = [row for row in rows if any(row.get(name, value) != value for name, value in fixed.items())]
    gone = [Gone(external_id=str(row["id"]), how="unreadable") for row in turned]
    return Page(raws=[row for row in rows if row not in turned], gone=gone, mark=mark)


def _rows(stream: Stream, answer: Answer, site: Site) -> list[Row]:
    """The stream's records in an answer, as version 17 tells them."""
    return nested.told(stream.path, nested.rows_of(answer), site)


def _by_id(rows: Sequence[Row]) -> dict[str, Row]:
    return {str(row["id"]): row for row in rows}


# --- writing ---------------------------------------------------------------------------------------------------------


def _sheets(stream: Stream, writes: Sequence[Write], site: Site) -> list[Sheet]:
    of = {"create": new_sheet, "void": reversal_sheet, "credit": reversal_sheet}.get(writes[0].operation, changed_sheet)
    return [in_words_of(site, stream.path, of(stream, write, site)) for write in writes]


def _going(sheets: Sequence[Sheet]) -> list[bool]:
    """Which of these can go in one call with the first: those of its form, as long as they are not too many lines."""
    going: list[bool] = []
    lines = 0
    for sheet in sheets:
        fits = sheet.form == sheets[0].form and (not going or lines + len(sheet.lines) <= _MOST_LINES)
        lines += len(sheet.lines) if fits else 0
        going.append(fits)
    return going


def _loaded(sheets: Sequence[Sheet], ids: Sequence[int]) -> list[Outcome]:
    """What became of each: those that went have their ids in the answer, in their order; the others go next."""
    going = _going(sheets)
    if len(ids) != sum(going):
        raise ContractBroken(explanation="Odoo's load tells another number of records than were sent.")
    made = iter(ids)
    return [Done(external_id=str(next(made))) if goes else _not_now() for goes in going]


def _drafts(writes: Sequence[Write]) -> list[int]:
    """The documents of these writes that wait for being posted."""
    return [
        int(id_in(write)) for write in writes if wants_posting(write) and (write.raw is None or is_draft(write.raw))
    ]


def _with_reversal(write: Write, made: Outcome) -> Outcome:
    """The document as the next step has to know it: with the one that takes it back."""
    if isinstance(made, Failed):
        return made
    return Done(external_id=id_in(write), raw={**(write.raw or {}), "reversal_move_id": [int(made.external_id)]})


def _now_a_draft(write: Write) -> Done:
    """The document as the next step has to know it: from here on it is no longer posted."""
    state = {} if is_cancelled(write.raw) else {"state": "draft"}
    return Done(external_id=id_in(write), version=write.version, raw={**(write.raw or {}), **state})


def _not_now() -> Failed:
    return Failed(
        error=TryLater(sent=False, retry_after=0, explanation="Odoo takes these one a call: this one is next.")
    )
