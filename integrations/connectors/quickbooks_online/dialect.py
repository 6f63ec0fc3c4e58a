"""QuickBooks Online's language: queries, the change feed for deletions, single writes and batches, faults, look-ups.

Sweeps walk by `MetaData.LastUpdatedTime`, the only moment that the vendor's schema allows both to filter and to sort by
(`Id` may not be sorted by). A page begins at the last moment of the page before, so that rows which move to the end
because somebody edits them are seen again there and none is missed; the few rows of that one moment are read twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from integrations.wire import credits
from integrations.wire.connector import Company, Dialect, Done, Failed, Outcome, Write
from integrations.wire.errors import ContractBroken, Duplicate, Missing, Refused, Stale, VendorError
from integrations.wire.locks import Lock
from integrations.wire.message import Answer, Request, json_body
from integrations.wire.site import Site
from integrations.wire.stream import Cursor, Gone, Page, Problem, Stream

from .answers import batch_answers, batch_rows, joined, one_void_a_call, outcome_of, rows_of, tax_queries, unanswered
from .bodies import bodies_for, body_for
from .documents import is_void
from .faults import body_of, error_of, fault_in
from .methods import with_method_name
from .queries import MOST_ROWS, bare, literal, literals, select, with_inactive
from .quirks import earlier, mark_in, mark_of
from .rates import one_rate

MINOR_VERSION = "75"
LONGEST_REQUEST = 120.0
"""Seconds after which QuickBooks itself gives up on a request."""

CHANGES_REACH = timedelta(days=30)
CHANGES_MOST = 1000
"""How far back the change feed looks, and how many objects it shows; it has no pages."""

CHANGED = "MetaData.LastUpdatedTime"

DELETIONS = "deletions"
"""The page token of a sweep's last page: what was deleted since."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sweep is: rows last changed at or after `since`, of those the one at `start`, counted from 1."""

    since: str | None
    start: int = 1

    @classmethod
    def of(cls, cursor: Cursor) -> Place:
        if cursor.page is None:
            return cls(cursor.mark)
        start, _, since = cursor.page.partition("|")
        return cls(since, int(start))

    def token(self) -> str:
        return f"{self.start}|{self.since}"


class QuickBooksDialect(Dialect):
    """The language itself; what differs from stream to stream stands in `stream.at`, `.path` and `.facts`."""

    # --- reading ---

    def ask(self, stream: Stream, cursor: Cursor, site: Site) -> Request:
        if stream.facts.get("joined"):
            return self._batch(site, tax_queries())
        if cursor.page == DELETIONS:
            return self._get(site, "cdc", entities=stream.at, changedSince=cursor.mark or "")
        place = Place.of(cursor)
        conditions = with_inactive(stream)
        if place.since is not None:
            conditions.append(f"{CHANGED} >= {literal(place.since)}")
        query = select(stream.at, conditions, orderby=CHANGED, start=place.start, most=stream.page_size)
        return self._get(site, "query", query=query)

    def read(self, stream: Stream, cursor: Cursor, answer: Answer, site: Site) -> Page:
        body = body_of(answer)
        time = body.get("time")
        mark = earlier(time, stream.overlap_seconds) if isinstance(time, str) else None
        if stream.facts.get("joined"):
            return Page(raws=joined(batch_rows(body)), mark=mark)
        if cursor.page == DELETIONS:
            return _deletions(stream, body, mark)
        if cursor.page == "fetch" and stream.facts.get("by_day"):
            return Page(raws=[row for rows in batch_rows(body).values() for row in rows], mark=mark)
        rows = [with_method_name(_with_currency(row, stream, site), site) for row in rows_of(body, stream.at)]
        if cursor.page == "fetch":
            return Page(raws=rows, mark=mark)
        if len(rows) >= stream.page_size:
            return Page(raws=rows, next=_following(Place.of(cursor), rows, stream.page_size).token(), mark=mark)
        if not stream.facts.get("transaction") or cursor.mark is None:
            return Page(raws=rows, mark=mark)
        if isinstance(time, str) and datetime.fromisoformat(time) - datetime.fromisoformat(cursor.mark) > CHANGES_REACH:
            problems = [_unseen(stream, "the last read is more than 30 days ago")]
            return Page(raws=rows, problems=problems, mark=mark, unsure=True)
        return Page(raws=rows, next=DELETIONS, mark=mark)

    def fetch(self, stream: Stream, external_ids: Sequence[str], site: Site) -> Request:
        if stream.facts.get("by_day"):
            queries = [_of(stream, *one_rate(external_id)) for external_id in external_ids]
            return self._batch(site, [{"bId": str(place), "Query": query} for place, query in enumerate(queries)])
        wanted = f"Id in {literals([bare(external_id) for external_id in external_ids])}"
        if stream.facts.get("joined"):
            return self._batch(site, tax_queries(wanted))
        return self._get(site, "query", query=_of(stream, wanted))

    # --- writing ---

    def compose(self, stream: Stream, writes: Sequence[Write], key: str, site: Site, step: int = 1) -> Request:
        """One call for these writes. A write that QuickBooks is known to refuse is left out and told by `outcomes`.

        Raises Refused where that leaves none. Voids have no batch: only the first goes, the others come back at once.
        """
        stream, writes = credits.creations(stream, writes)
        operation = writes[0].operation
        alone = len(writes) == 1 or operation == "void"
        bodies = bodies_for(stream, writes[:1] if alone else writes, site)
        ready = [(place, body) for place, body in enumerate(bodies) if not isinstance(body, VendorError)]
        if not ready:
            raise next(body for body in bodies if isinstance(body, VendorError))
        if alone:
            params = {"void": stream.facts.get("void"), "delete": {"operation": "delete"}}.get(operation) or {}
            return self._post(site, stream.path, ready[0][1], requestid=key, **params)
        items = [{"bId": str(place), "operation": operation, stream.at: body} for place, body in ready]
        return self._batch(site, items, requestid=key)

    def outcomes(
        self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site, step: int = 1
    ) -> list[Outcome]:
        """What became of each. Raises the error of an item that may have been done: then all are looked up."""
        if writes[0].operation == "credit":
            into, made = credits.creations(stream, writes)
            return credits.told(writes, self.outcomes(into, made, answer, site, step), into.name)
        try:
            body = body_of(answer)
        except (Refused, Stale) as error:
            if len(writes) > 1 and writes[0].operation != "void":
                raise
            return [Failed(error=error), *(Failed(error=one_void_a_call()) for _ in writes[1:])]
        if len(writes) == 1:
            answered = {"0": body}
        elif writes[0].operation == "void":
            voided = (body.get(stream.at) or {}).get("Id")
            answered = {str(place): body for place, write in enumerate(writes) if write.external_id == voided}
        else:
            answered = batch_answers(body)
        outcomes: list[Outcome] = []
        for place, write in enumerate(writes):
            item = answered.get(str(place))
            outcome = _not_answered(stream, write, site) if item is None else outcome_of(item, stream)
            if isinstance(outcome, Failed) and outcome.error.may_have_acted:
                raise outcome.error
            outcomes.append(outcome)
        return outcomes

    # --- was it done? ---

    def look_up(self, stream: Stream, writes: Sequence[Write], site: Site) -> Request:
        stream, writes = credits.creations(stream, writes)
        return self._batch(
            site,
            [{"bId": str(place), "Query": _look_up(stream, write, site)} for place, write in enumerate(writes)],
        )

    def found(self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site) -> list[Outcome | None]:
        if writes[0].operation == "credit":
            into, made = credits.creations(stream, writes)
            return credits.told(writes, self.found(into, made, answer, site), into.name)
        answered = batch_answers(body_of(answer))
        found: list[Outcome | None] = []
        for place, write in enumerate(writes):
            item = answered.get(str(place))
            if item is None:
                raise unanswered()
            fault = fault_in(item)
            if fault is not None:
                raise error_of(fault)
            found.append(_recognised(stream, write, rows_of(item, stream.at), site))
        return found

    # --- whose books ---

    def whoami(self, site: Site) -> Request:
        return self._batch(
            site,
            [
                {"bId": "company", "Query": "select * from CompanyInfo"},
                {"bId": "preferences", "Query": "select * from Preferences"},
            ],
        )

    def company(self, answer: Answer, site: Site) -> Company:
        rows = batch_rows(body_of(answer))
        if not rows["company"]:
            raise ContractBroken("no CompanyInfo", explanation="QuickBooks did not say which company this is.")
        company = rows["company"][0]
        preferences: Mapping[str, Any] = rows["preferences"][0] if rows["preferences"] else {}
        currency = preferences.get("CurrencyPrefs", {}).get("HomeCurrency", {}).get("value")
        return Company(
            name=company.get("CompanyName") or company.get("LegalName") or _realm(site),
            id=_realm(site),
            currency=currency,
            country=company.get("Country"),
            environment=site.environment,
        )

    def locks(self, answer: Answer, site: Site) -> Sequence[Lock] | None:
        """The one closing date of a company (Preferences.AccountingInfoPrefs.BookCloseDate)."""
        rows = batch_rows(body_of(answer))
        accounting = rows["preferences"][0].get("AccountingInfoPrefs", {}) if rows.get("preferences") else {}
        day = accounting.get("BookCloseDate")
        return [Lock(name="closing date", until=date.fromisoformat(day))] if day else []

    def link(self, stream: Stream, external_id: str, site: Site) -> str | None:
        page = stream.facts.get("page")
        if not page or not site.addresses.app:
            return None
        # Without the company's id the page of whichever company is open would come up (the parameter: memory).
        return f"{site.addresses.app}/{page}={bare(external_id)}&deeplinkcompanyid={_realm(site)}"

    # --- requests ---

    def _get(self, site: Site, path: str, **params: str) -> Request:
        return Request(
            method="GET",
            path=_path(site, path),
            params={**params, "minorversion": MINOR_VERSION},
            headers={"Accept": "application/json"},
            timeout=LONGEST_REQUEST,
        )

    def _post(self, site: Site, path: str, body: Any, **params: str) -> Request:
        return Request(
            method="POST",
            path=_path(site, path),
            params={**params, "minorversion": MINOR_VERSION},
            headers={"Accept": "application/json", "Content-Type": "application/json"},
            body=json_body(body),
            timeout=LONGEST_REQUEST,
        )

    def _batch(self, site: Site, items: Sequence[Mapping[str, Any]], **params: str) -> Request:
        return self._post(site, "batch", {"BatchItemRequest": list(items)}, **params)


def _not_answered(stream: Stream, write: Write, site: Site) -> Failed:
    """Why the answer to a call says nothing about one of its writes."""
    if write.operation == "void":
        return Failed(error=one_void_a_call())
    body = body_for(stream, write, site)
    return Failed(error=body if isinstance(body, VendorError) else unanswered())


# --- pages -----------------------------------------------------------------------------------------------------------


def _following(place: Place, rows: Sequence[Mapping[str, Any]], page_size: int) -> Place:
    """Where the page after these rows begins."""
    first, last = (row["MetaData"]["LastUpdatedTime"] for row in (rows[0], rows[-1]))
    if first != last:
        return Place(last)
    # More rows of one moment than a page holds (an import, say). Rows of this moment that are edited leave it and
    # make the others move up, so each page steps back a tenth.
    step = max(1, page_size - page_size // 10)
    return Place(last, (place.start if place.since == last else 1) + step)


def _deletions(stream: Stream, body: Mapping[str, Any], mark: str | None) -> Page:
    answers = body.get("CDCResponse")
    if not isinstance(answers, list):
        raise ContractBroken(explanation="QuickBooks answered the change feed without a CDCResponse.")
    for answer in answers:
        fault = fault_in(answer)
        if fault is not None:
            raise error_of(fault)
    changed = [
        row for answer in answers for query in answer.get("QueryResponse", ()) for row in query.get(stream.at, ())
    ]
    gone = [Gone(external_id=row["Id"], how="deleted") for row in changed if row.get("status") == "Deleted"]
    full = len(changed) >= CHANGES_MOST
    problems = [_unseen(stream, "more changed than QuickBooks shows at once")] if full else []
    return Page(raws=[], gone=gone, problems=problems, mark=mark, unsure=full)


def _unseen(stream: Stream, why: str) -> Problem:
    return Problem(
        where=f"Deletions of {stream.label.lower()}",
        what=f"QuickBooks cannot tell all that was deleted since the last read: {why}.",
        advice="The next run reads this object in full by itself, and asks for what is no longer listed.",
    )


def _with_currency(row: dict[str, Any], stream: Stream, site: Site) -> dict[str, Any]:
    """Companies with a single currency leave it out of their documents in older answers (recorded)."""
    home = site.settings.get("home_currency")
    if home and stream.facts.get("transaction") and "CurrencyRef" not in row:
        return {**row, "CurrencyRef": {"value": home}}
    return row


# --- look-ups --------------------------------------------------------------------------------------------------------


def _look_up(stream: Stream, write: Write, site: Site) -> str:
    if write.operation != "create" and not stream.facts.get("by_day"):
        return _of(stream, f"Id = {literal(bare(write.external_id or ''))}")
    body = body_for(stream, write, site)
    if isinstance(body, VendorError):
        return _of(stream, "Id = '0'")  # it can never have been sent; `found` says why
    by = [name for name in stream.facts["found_by"] if body.get(name)]
    if stream.facts["found_by"][0] not in by and "TxnDate" in body:
        by.append("TxnDate")  # QuickBooks gave the number: our mark is looked for among all of the day
    return _of(stream, *(f"{name} = {literal(_plain(body[name]))}" for name in by))


def _plain(value: Any) -> str:
    return str(value["value"] if isinstance(value, Mapping) else value)


def _recognised(stream: Stream, write: Write, rows: Sequence[dict[str, Any]], site: Site) -> Outcome | None:
    if write.operation == "create" or stream.facts.get("by_day"):
        return _made(stream, write, rows, site)
    row = rows[0] if rows else None
    if write.operation == "delete":
        return Done(external_id=write.external_id or "") if row is None else None
    if row is None:
        return Failed(error=Missing(code="610"))
    there = outcome_of({stream.at: row}, stream)
    if write.operation == "void":
        return there if is_void(row) else None
    body = body_for(stream, write, site)
    changed = row.get("SyncToken") != (write.version or (write.raw or {}).get("SyncToken"))
    sent = {} if isinstance(body, VendorError) else {k: v for k, v in body.items() if k not in ("SyncToken", "sparse")}
    return there if changed and _holds(row, sent) else None


def _made(stream: Stream, write: Write, rows: Sequence[dict[str, Any]], site: Site) -> Outcome | None:
    body = body_for(stream, write, site)
    if isinstance(body, VendorError):
        return Failed(error=body)
    if stream.facts.get("transaction"):
        ours = [row for row in rows if mark_in(row.get("PrivateNote")) == mark_of(write.key)]
    else:
        ours = [row for row in rows if _holds(row, body)]
    if ours:
        return outcome_of({stream.at: ours[0]}, stream)
    if len(rows) >= MOST_ROWS:
        raise ContractBroken(explanation="QuickBooks lists more than can be looked through: nobody can tell.")
    theirs = _somebody_elses(stream, body, rows)
    if theirs is None:
        return None
    return Failed(
        error=Duplicate(
            theirs,
            explanation=f"QuickBooks has a {stream.label.lower()} {theirs!r} that was not made by this.",
        )
    )


def _somebody_elses(stream: Stream, body: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The name or number by which one of these rows is taken for what was to be made, though it is not marked as ours.

    A payment has no number: there it is one of the same amount and reference that carries no mark at all, which may be
    ours with its note rewritten by a person.
    """
    name: str | None = body.get(stream.facts.get("unique", ""))
    if name:
        return name if rows else None
    reference: str | None = body.get(stream.facts.get("reference", ""))
    if not reference:
        return None
    same = {stream.facts["reference"]: reference, "TotalAmt": body["TotalAmt"]}
    alike = [row for row in rows if _holds(row, same) and mark_in(row.get("PrivateNote")) is None]
    return reference if alike else None


def _holds(theirs: Any, sent: Any) -> bool:
    """Whether everything that was sent stands in what is there."""
    if isinstance(sent, Mapping):
        return isinstance(theirs, Mapping) and all(_holds(theirs.get(name, ""), each) for name, each in sent.items())
    if isinstance(sent, list):
        return isinstance(theirs, list) and all(any(_holds(there, each) for there in theirs) for each in sent)
    return bool(theirs == sent)


def _of(stream: Stream, *conditions: str) -> str:
    return select(stream.at, [*conditions, *with_inactive(stream)])


def _path(site: Site, path: str) -> str:
    return f"/v3/company/{_realm(site)}/{path}"


def _realm(site: Site) -> str:
    return str(site.settings["realmId"])
