"""QuickBooks Desktop's language: documents of questions and writes that the Web Connector carries to it and back.

A sweep is one iterator: the first page starts it, and it dies with the visit in which it was started. Asking on moves
it, so that an answer which got lost on the way to us is gone for good: the page token therefore knows how many rows are
still to come. Where QuickBooks no longer knows the iterator, or rows are missing, the sweep simply begins again; what was
read already is the same. Where that happens too often, everything is asked for at once. What was deleted since the mark
is asked for in the same document as the first page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.wire import credits
from integrations.wire.connector import Company, Dialect, Done, Failed, Outcome, Write
from integrations.wire.errors import Duplicate, Missing, TryLater, VendorError
from integrations.wire.locks import Lock
from integrations.wire.message import Answer, Request
from integrations.wire.nested import member
from integrations.wire.site import Site
from integrations.wire.stream import FETCHED, Cursor, Gone, Page, Problem, Stream
from integrations.wire.xml import KIND

from .bodies import asked_for, home_of, is_multicurrency, one_asked
from .books import EVERYTHING_ABOUT_BOOKS, company_in
from .entities import Entity, entity_of
from .faults import NOT_FOUND, answers_in, error_of, one_by_id, unanswered
from .grammar import DELETED, LIST_QUERY, TXN_QUERY
from .qbxml import Asked, Told, document, plain_text
from .quirks import is_guid, is_longer_ago, is_void, mark_at
from .shapes import bare

METHOD = "QBXML"
LONGEST_REQUEST = 300.0
"""Seconds for which a person's QuickBooks may be at a document."""

MOST_BEGINNINGS = 3
"""How often a sweep may begin page by page."""

DELETIONS_REACH = timedelta(days=90)
"""How far back QuickBooks tells deletions (memory)."""

ROWS, GONE, CURRENCIES, AFTER = "rows", "gone", "currencies", "after"
"""The request ids of what is not a write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a sweep is: how often it has begun, the iterator it goes on with, and how many rows that has left."""

    begun: int = 1
    iterator: str = ""
    left: int = 0

    @classmethod
    def of(cls, cursor: Cursor) -> Place:
        if cursor.page is None:
            return cls()
        begun, left, iterator = cursor.page.split("|", 2)
        return cls(begun=int(begun), left=int(left), iterator=iterator)

    def token(self) -> str:
        return f"{self.begun}|{self.left}|{self.iterator}"

    @property
    def is_paged(self) -> bool:
        return self.begun <= MOST_BEGINNINGS

    @property
    def again(self) -> Place:
        """The beginning after this one."""
        return Place(begun=self.begun + 1)

    def after(self, told: Told) -> Place | None:
        """Where the sweep is after this page; None at its end."""
        if not told.remaining or not told.iterator_id:
            return None
        return Place(begun=self.begun, iterator=told.iterator_id, left=told.remaining)

    @property
    def id(self) -> str:
        """The request's id: no two pages of a sweep are asked for in the same words."""
        return f"{ROWS}-{self.left}" if self.iterator else ROWS


class QuickBooksDesktopDialect(Dialect):
    """The language itself; what differs from stream to stream stands in its `Entity`."""

    # --- reading ---

    def ask(self, stream: Stream, cursor: Cursor, site: Site) -> Request:
        entity, place = entity_of(stream), Place.of(cursor)
        since = _since(entity, cursor.mark)
        page = stream.page_size if place.is_paged else None
        asked = [_question(entity, place.id, since, page=page, iterator=place.iterator)]
        if cursor.mark is not None and entity.gone and not place.iterator:
            asked.append(_deletions(entity, cursor.mark))
        return _request(stream, asked, site)

    def read(self, stream: Stream, cursor: Cursor, answer: Answer, site: Site) -> Page:
        entity, answers = entity_of(stream), one_by_id(answers_in(answer))
        if cursor == FETCHED:
            told = _answer_to(ROWS, answers)
            if told.failed and told.code not in NOT_FOUND:
                raise error_of(told)
            return Page(raws=_rows(entity, told.rows, answers.get(CURRENCIES), site))
        place = Place.of(cursor)
        told = _answer_to(place.id, answers)
        if told.failed:
            error = error_of(told)
            if not place.iterator or isinstance(error, TryLater):
                raise error
            # Whatever else may be wrong with it, the question from its beginning will tell.
            return Page(raws=[], next=place.again.token())
        rows = _rows(entity, told.rows, answers.get(CURRENCIES), site)
        gone, problems = _gone(stream, cursor, answers.get(GONE), answer)
        if place.iterator and told.remaining + len(told.rows) != place.left:
            following: Place | None = place.again
        else:
            following = place.after(told) if entity.iterates else None
        return Page(
            raws=rows,
            gone=gone,
            problems=problems,
            next=following.token() if following else None,
            mark=mark_at(answer.asked_at or answer.received_at, told.rows, overlap=stream.overlap_seconds),
            unsure=bool(problems),
        )

    def fetch(self, stream: Stream, external_ids: Sequence[str], site: Site) -> Request:
        entity = entity_of(stream)
        return _request(stream, [_question(entity, ROWS, {entity.key: [bare(each) for each in external_ids]})], site)

    # --- writing ---

    def compose(self, stream: Stream, writes: Sequence[Write], key: str, site: Site, step: int = 1) -> Request:
        """One document for these writes, each tried whatever becomes of the others.

        A write that QuickBooks is known to refuse is left out and told by `outcomes`. Raises it where that leaves none.
        """
        stream, writes = credits.creations(stream, writes)
        asked = asked_for(stream, writes, site)
        ready = [each for each in asked if isinstance(each, Asked)]
        if not ready:
            raise next(each for each in asked if isinstance(each, VendorError))
        entity = entity_of(stream)
        if writes[0].operation == "void":  # whose answer says nothing of what is left
            ids = [str(each.content["TxnID"]) for each in ready]
            ready.append(_question(entity, AFTER, {entity.key: ids}))
        return _request(stream, ready, site, key=key)

    def outcomes(
        self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site, step: int = 1
    ) -> list[Outcome]:
        """What became of each. Raises the error of one that may have been done: then all are looked up."""
        if writes[0].operation == "credit":
            into, made = credits.creations(stream, writes)
            return credits.told(writes, self.outcomes(into, made, answer, site, step), into.name)
        entity, answers = entity_of(stream), one_by_id(answers_in(answer))
        after = answers.get(AFTER)
        there = {str(row.get(entity.key)): row for row in after.rows} if after else {}
        outcomes: list[Outcome] = []
        for write in writes:
            told = answers.get(write.key)
            if told is None:
                outcome: Outcome = _not_asked(stream, write, site)
            else:
                outcome = _outcome(stream, write, told, answers.get(CURRENCIES), there, site)
            if isinstance(outcome, Failed) and outcome.error.may_have_acted:
                raise outcome.error
            outcomes.append(outcome)
        return outcomes

    # --- was it done? ---

    def look_up(self, stream: Stream, writes: Sequence[Write], site: Site) -> Request:
        stream, writes = credits.creations(stream, writes)
        return _request(stream, [_look_up(stream, write, site) for write in writes], site)

    def found(self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site) -> list[Outcome | None]:
        if writes[0].operation == "credit":
            into, made = credits.creations(stream, writes)
            return credits.told(writes, self.found(into, made, answer, site), into.name)
        entity, answers = entity_of(stream), one_by_id(answers_in(answer))
        found: list[Outcome | None] = []
        for write in writes:
            told = _answer_to(write.key, answers)
            if told.failed and told.code not in NOT_FOUND:
                raise error_of(told)
            rows = _rows(entity, told.rows, answers.get(CURRENCIES), site)
            found.append(_recognised(stream, write, rows, site))
        return found

    # --- whose books ---

    def whoami(self, site: Site) -> Request:
        return Request(method=METHOD, path="company", body=document(EVERYTHING_ABOUT_BOOKS), timeout=LONGEST_REQUEST)

    def company(self, answer: Answer, site: Site) -> Company:
        books = company_in(answers_in(answer))
        currency = site.settings.get("home_currency") or books.currency
        return Company(
            name=books.name,
            id=books.file_id or books.name,
            currency=currency and str(currency),
            country=books.country,
            environment=site.environment,
        )

    def locks(self, answer: Answer, site: Site) -> Sequence[Lock] | None:
        return company_in(answers_in(answer)).locks


def _request(stream: Stream, asked: Sequence[Asked], site: Site, *, key: str = "") -> Request:
    """The document of these, with a question for the codes of currencies where the books have several."""
    if is_multicurrency(site):
        asked = [*asked, Asked(name="CurrencyQuery", content={"ActiveStatus": "All"}, table=LIST_QUERY, id=CURRENCIES)]
    return Request(method=METHOD, path=stream.name, body=document(asked, key=key), timeout=LONGEST_REQUEST)


# --- questions -------------------------------------------------------------------------------------------------------


def _since(entity: Entity, mark: str | None) -> dict[str, Any]:
    if entity.is_list:
        return {"ActiveStatus": "All", **({"FromModifiedDate": mark} if mark else {})}
    return {"ModifiedDateRangeFilter": {"FromModifiedDate": mark}} if mark else {}


def _question(entity: Entity, id: str, by: Mapping[str, Any], *, page: int | None = None, iterator: str = "") -> Asked:
    """A question for records; with a page size, page by page where QuickBooks can do so."""
    paged = page is not None and entity.iterates
    return Asked(
        name=f"{entity.name}Query",
        content={
            **by,
            **({"MaxReturned": page} if paged else {}),
            **{name: "0" if name == "OwnerID" else True for name in entity.asks if name != "OwnerID"},
            **({"OwnerID": ["0"]} if "OwnerID" in entity.asks else {}),
        },
        table=LIST_QUERY if entity.is_list else TXN_QUERY,
        id=id,
        iterator=("Continue" if iterator else "Start") if paged else "",
        iterator_id=iterator,
    )


def _deletions(entity: Entity, mark: str) -> Asked:
    sort = "List" if entity.is_list else "Txn"
    content = {f"{sort}DelType": list(entity.gone), "DeletedDateRangeFilter": {"FromDeletedDate": mark}}
    return Asked(name=f"{sort}DeletedQuery", content=content, table=DELETED, id=GONE)


def _answer_to(id: str, answers: Mapping[str, Told]) -> Told:
    if id not in answers:
        raise unanswered()
    return answers[id]


# --- answers ---------------------------------------------------------------------------------------------------------


def _rows(entity: Entity, rows: Sequence[dict[str, Any]], currencies: Told | None, site: Site) -> list[dict[str, Any]]:
    """The rows with the code of their currency, and with an empty list where a transaction has no lines."""
    codes = {row.get("ListID"): row.get("CurrencyCode") for row in currencies.rows} if currencies else {}
    return [_complete(entity, row, codes, home_of(site)) for row in rows if row[KIND] not in entity.others]


def _complete(entity: Entity, row: dict[str, Any], codes: Mapping[Any, Any], home: str) -> dict[str, Any]:
    told = row.get("CurrencyRef")
    if isinstance(told, Mapping):
        row = {**row, "CurrencyRef": {**told, "CurrencyCode": codes.get(told.get("ListID")) or home}}
    elif not entity.is_list:
        row = {**row, "CurrencyRef": {"CurrencyCode": home}}
    if "IncludeLineItems" in entity.asks and "Lines" not in row and "Applied" not in row:
        row = {**row, "Lines": []}
    return row


def _gone(stream: Stream, cursor: Cursor, told: Told | None, answer: Answer) -> tuple[list[Gone], list[Problem]]:
    if told is None or cursor.mark is None:
        return [], []
    if told.failed:
        raise error_of(told)
    entity = entity_of(stream)
    problems = []
    if is_longer_ago(cursor.mark, DELETIONS_REACH, now=answer.received_at):
        problems.append(
            Problem(
                where=f"Deletions of {stream.label.lower()}",
                what="QuickBooks tells deletions of the last 90 days only, and the last read is longer ago.",
                advice="The next run reads this object in full by itself, and asks for what is no longer listed.",
            )
        )
    read = stream.facts.get("id_of", str)
    return [Gone(external_id=read(row[entity.key]), how="deleted") for row in told.rows if entity.key in row], problems


def _outcome(
    stream: Stream,
    write: Write,
    told: Told,
    currencies: Told | None,
    there: Mapping[str, dict[str, Any]],
    site: Site,
) -> Outcome:
    if told.failed:
        return Failed(error=error_of(told))
    entity = entity_of(stream)
    if write.operation == "delete":
        return Done(external_id=write.external_id or "")
    rows = [there[bare(write.external_id or "")]] if bare(write.external_id or "") in there else list(told.rows)
    if write.operation == "void" and not there:
        return Done(external_id=write.external_id or "")
    if not rows or entity.key not in rows[0]:
        # Saved, and then not shown (warnings 501 and 510): what became of it has to be looked up.
        return Failed(error=TryLater(told.words, sent=True, code=told.code, explanation="QuickBooks does not show it."))
    return _done(stream, _rows(entity, rows[:1], currencies, site)[0])


def _not_asked(stream: Stream, write: Write, site: Site) -> Failed:
    """Why a document was answered without a word about one of its writes: it may have been left out of it."""
    asked = one_asked(stream, write, site)
    return Failed(error=asked if isinstance(asked, VendorError) else unanswered())


def _done(stream: Stream, row: dict[str, Any]) -> Done:
    return Done(external_id=stream.shape.external_id(row), version=row.get("EditSequence"), raw=row)


# --- look-ups --------------------------------------------------------------------------------------------------------


def _look_up(stream: Stream, write: Write, site: Site) -> Asked:
    entity = entity_of(stream)
    if write.operation != "create":
        return _question(entity, write.key, {entity.key: [bare(write.external_id or "")]})
    asked = one_asked(stream, write, site)
    if isinstance(asked, VendorError):
        return _question(entity, write.key, {entity.key: ["0-0"]})  # it can never have been sent; `found` says why
    return _question(entity, write.key, _by(entity, asked.content))


def _by(entity: Entity, body: Mapping[str, Any]) -> dict[str, Any]:
    """How QuickBooks is asked for what this body would have made."""
    if entity.is_list:
        name = _text(body.get(entity.unique))
        if body.get("ParentRef"):  # the full name begins with names that are not known here
            return {"ActiveStatus": "All", "NameFilter": {"MatchCriterion": "EndsWith", "Name": name}}
        return {"FullName": [name]}
    if body.get("RefNumber"):
        return {"RefNumber": [_text(body["RefNumber"])]}
    day, party = body.get("TxnDate"), member(body, f"{entity.party}.ListID") if entity.party else None
    return {
        "TxnDateRangeFilter": {"FromTxnDate": day, "ToTxnDate": day},
        **({"EntityFilter": {"ListID": [party]}} if party else {}),
    }


def _text(value: Any) -> str:
    """A text as QuickBooks keeps it."""
    return " ".join(plain_text(str(value or ""), is_free=True, path="").split())


def _recognised(stream: Stream, write: Write, rows: Sequence[dict[str, Any]], site: Site) -> Outcome | None:
    entity = entity_of(stream)
    if write.operation == "create":
        return _made(stream, write, rows, site)
    row = next((each for each in rows if each.get(entity.key) == bare(write.external_id or "")), None)
    if write.operation == "delete":
        return Done(external_id=write.external_id or "") if row is None else None
    if row is None:
        return Failed(error=Missing(code="3120"))
    if write.operation == "void":
        return _done(stream, row) if is_void(row) else None
    asked = one_asked(stream, write, site)
    if isinstance(asked, VendorError):
        return Failed(error=asked)
    changed = row.get("EditSequence") != (write.version or (write.raw or {}).get("EditSequence"))
    return _done(stream, row) if changed and _holds(row, _comparable(asked.content)) else None


def _made(stream: Stream, write: Write, rows: Sequence[dict[str, Any]], site: Site) -> Outcome | None:
    entity, asked = entity_of(stream), one_asked(stream, write, site)
    if isinstance(asked, VendorError):
        return Failed(error=asked)
    body = asked.content
    alike = [row for row in rows if _is_alike(entity, row, body)]
    if entity.has_guid:
        ours = [row for row in rows if is_guid(row.get("ExternalGUID"), write.key)]
    else:
        ours = [row for row in alike if _holds(row, _comparable(body))]
    if ours:
        return _done(stream, ours[0])
    taken = _text(body.get(entity.unique))
    if not alike or not taken:
        return None
    return Failed(
        error=Duplicate(
            taken, explanation=f"QuickBooks has a {stream.label.lower()} {taken!r} that was not made by this."
        )
    )


def _is_alike(entity: Entity, row: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether a person would take this row for what was to be made: the same name or number, of the same party."""
    name = body.get(entity.unique)
    if not name or _text(row.get(entity.unique)).lower() != _text(name).lower():
        return False
    if entity.is_list and member(row, "ParentRef.ListID") != member(body, "ParentRef.ListID"):
        return False
    return all(_is_same(row.get(each), body.get(each)) for each in entity.alike)


_UNTOLD = ("ExternalGUID", "EditSequence", "LinkToTxnID", "Lines", "Applied")


def _comparable(body: Mapping[str, Any]) -> dict[str, Any]:
    """What of a body QuickBooks tells again in the same words; lines are compared by their figures."""
    lines = [
        {name: line[name] for name in ("Quantity", "Amount", "Rate", "Desc") if name in line}
        for line in body.get("Lines", ())
    ]
    told = {name: value for name, value in body.items() if name not in _UNTOLD and name != KIND}
    return {**told, **({"Lines": lines} if any(lines) else {})}


def _holds(theirs: Any, sent: Any) -> bool:
    """Whether everything that was sent stands in what is there."""
    if isinstance(sent, Mapping):
        return isinstance(theirs, Mapping) and all(
            _holds(theirs.get(name.removesuffix("Mod"), ""), each) for name, each in sent.items()
        )
    if isinstance(sent, list):
        return isinstance(theirs, list) and all(any(_holds(there, each) for there in theirs) for each in sent)
    return _is_same(theirs, sent)


def _is_same(theirs: Any, ours: Any) -> bool:
    """Whether two values say the same, whoever writes them; long free text may have been cut."""
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        name = "ListID" if ours.get("ListID") else "FullName"
        return bool(theirs.get(name) == ours.get(name))
    if isinstance(ours, bool):
        return str(theirs).lower() in (("true", "1") if ours else ("false", "0"))
    try:
        return Decimal(str(theirs)) == Decimal(str(ours))
    except InvalidOperation:
        return _text(theirs)[:24] == _text(ours)[:24]
