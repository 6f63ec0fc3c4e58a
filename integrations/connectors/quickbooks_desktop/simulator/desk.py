"""QuickBooks at work: message sets one request after the other, what happens after an error, and recovery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from integrations.simulation.store import from_json, to_json

from . import custom, documents, figures, lists, profile, queries
from .company import Company
from .grammar import ANSWERS, Asked, Body, MessageSet, escaped
from .kinds import LISTS, TXNS
from .lists import Written
from .queries import Found, Iterators
from .statuses import IGNORED, NOT_RUN, Refusal

if TYPE_CHECKING:
    from integrations.simulation.journal import Deed

SCHEMA = """
create table if not exists message_set (
    space text not null, id text not null, answers text not null, primary key (space, id)
) without rowid;
"""
DONE, UNKNOWN_SET = "0", "600"
_WRITES = ("Add", "Mod", "Del", "Void")
_SMALL: dict[str, Callable[[Company, Body], Body]] = {
    "DataExtDefAdd": custom.define, "DataExtAdd": custom.put, "DataExtMod": custom.put, "DataExtDel": custom.take_away,
}  # fmt: skip


class _RolledBack(Exception):
    """Ends the transaction of a set that is to leave nothing behind."""


@dataclass(slots=True)
class Answer:
    """The answer to one request, before it is written down."""

    name: str
    request_id: str | None
    code: int = 0
    severity: str = "Info"
    words: str = "Status OK"
    attributes: dict[str, str] = field(default_factory=dict)
    inside: list[str] = field(default_factory=list)
    recovery: Body = field(default_factory=dict)

    def written(self) -> str:
        given = {"requestID": self.request_id} if self.request_id is not None else {}
        given |= {"statusCode": str(self.code), "statusSeverity": self.severity, "statusMessage": self.words}
        attributes = "".join(f' {name}="{escaped(value)}"' for name, value in (given | self.attributes).items())
        inside = "".join(self.inside)
        return f"<{self.name}Rs{attributes}>{inside}</{self.name}Rs>" if inside else f"<{self.name}Rs{attributes}/>"


def writes(asked: Asked) -> bool:
    """Whether a request is meant to change the books."""
    return asked.name.endswith(_WRITES)


class Desk:
    """One company file that is open, and the session with it."""

    def __init__(self, company: Company, deeds: Callable[[], list[Deed]]) -> None:
        self.company, self._deeds = company, deeds
        self.iterators = Iterators()

    def answer(self, sets: list[MessageSet]) -> str:
        """The whole answer document; it runs inside a transaction of the store."""
        return f'<?xml version="1.0" ?><QBXML>{"".join(self._set(each) for each in sets)}</QBXML>'

    def _set(self, wanted: MessageSet) -> str:
        new, old = wanted.attributes.get("newMessageSetID"), wanted.attributes.get("oldMessageSetID")
        if old and old != new:
            self.company.store.run("delete from message_set where space = ? and id = ?", self.company.space, old)
        stored = self._stored(new) if new else None
        if new and (stored is not None or (old == new and not wanted.requests)):
            # A set that has run is never run again under its name: what it came to is told instead.
            return self._written(stored or [], new, DONE if stored is not None else UNKNOWN_SET)
        answers = self._run(wanted)
        if new:
            self._keep(new, answers, whole=wanted.attributes.get("responseData") == "includeAll")
        return self._written([each.written() for each in answers], new, DONE if new or old else "")

    def _written(self, answers: list[str], new: str | None, status: str) -> str:
        attributes = f' newMessageSetID="{escaped(new)}"' if new else ""
        attributes += f' messageSetStatusCode="{status}"' if status else ""
        return f"<QBXMLMsgsRs{attributes}>{''.join(answers)}</QBXMLMsgsRs>"

    # recovery

    def _stored(self, id: str) -> list[str] | None:
        sql = "select answers from message_set where space = ? and id = ?"
        found = self.company.store.run(sql, self.company.space, id)
        return from_json(found[0][0]) if found else None

    def _keep(self, id: str, answers: list[Answer], *, whole: bool) -> None:
        """Keeps what a set came to: the ids of what it wrote, and with `whole` the records too."""
        kept = to_json([self._recovered(each, whole=whole) for each in answers]).decode()
        self.company.store.run("insert into message_set values (?,?,?)", self.company.space, id, kept)

    def _recovered(self, answer: Answer, *, whole: bool) -> str:
        inside = answer.inside if whole else []
        if answer.recovery:
            inside = [*inside, ANSWERS.write("ErrorRecovery", answer.recovery)]
        return Answer(
            answer.name, answer.request_id, answer.code, answer.severity, answer.words, inside=inside
        ).written()

    # running

    def _run(self, wanted: MessageSet) -> list[Answer]:
        answers: list[Answer] = []
        how = wanted.attributes["onError"]
        before = len(self._deeds())
        try:
            with self.company.store.transaction():
                failed = False
                for each in wanted.requests:
                    answers.append(self._not_run(each) if failed and how != "continueOnError" else self._one(each))
                    failed = failed or answers[-1].severity == "Error"
                if failed and how == "rollbackOnError":
                    raise _RolledBack
        except _RolledBack:
            del self._deeds()[before:]
            self.company.read_settings()
            return [
                answer if answer.severity == "Error" else self._not_run(each)
                for each, answer in zip(wanted.requests, answers, strict=True)
            ]
        return answers

    def _one(self, asked: Asked) -> Answer:
        answer = Answer(asked.name, asked.attributes.get("requestID"))
        before = len(self._deeds())
        try:
            with self.company.store.transaction():
                self._do(asked, answer)
        except Refusal as refusal:
            del self._deeds()[before:]
            self.company.read_settings()
            answer.code, answer.severity, answer.words = refusal.code, "Error", refusal.words
            if refusal.ret:
                answer.inside = [ANSWERS.write(*refusal.ret)]
        return answer

    def _not_run(self, asked: Asked) -> Answer:
        return Answer(asked.name, asked.attributes.get("requestID"), NOT_RUN[0], "Error", NOT_RUN[1])

    def _do(self, asked: Asked, answer: Answer) -> None:
        company, name = self.company, asked.name
        if name in profile.ANSWERS_OF:
            self._tell(answer, Found(records=[profile.ANSWERS_OF[name](company, asked.body)]), asked.body)
        elif name in ("ListDel", "TxnDel", "TxnVoid"):
            self._take_away(asked, answer)
        elif name in _SMALL:
            ret = _SMALL[name](company, asked.body[name])
            element = {"DataExtDefAdd": "DataExtDefRet", "DataExtDel": "DataExtDelRet"}.get(name, "DataExtRet")
            answer.inside = [ANSWERS.write(element, ret)]
        elif name == "DataExtDefQuery":
            records = [("DataExtDefRet", each) for each in custom.defined(company, asked.body)]
            self._tell(answer, Found(records=records), asked.body)
        elif name in ("ListDeletedQuery", "TxnDeletedQuery"):
            self._tell(answer, _removed(company, name.removesuffix("DeletedQuery"), asked.body), asked.body)
        elif name.endswith("Query"):
            self._tell(answer, queries.run(company, asked, self.iterators), asked.body)
        else:
            self._write(asked, answer)

    def _tell(self, answer: Answer, found: Found, query: Body) -> None:
        only = query.get("IncludeRetElement", ())
        answer.code, answer.severity, answer.words = found.code, found.severity, found.words
        answer.attributes = found.attributes
        answer.inside = [ANSWERS.write(element, body, only) for element, body in found.records]

    def _write(self, asked: Asked, answer: Answer) -> None:
        kind, operation = asked.name[:-3], asked.name[-3:]
        room = documents if kind in TXNS else lists
        deed: Callable[[Company, str, Body], Written] = room.add if operation == "Add" else room.change
        row, ignored = deed(self.company, kind, asked.body[asked.name])
        fresh = self.company.get(kind, row.id) or row
        if kind in TXNS:
            body = documents.show(self.company, kind, fresh, lined=True)
        else:
            body = lists.show(self.company, kind, fresh)
        answer.inside = [ANSWERS.write(f"{kind}Ret", body, asked.body.get("IncludeRetElement", ()))]
        answer.recovery = {
            name: body[name]
            for name in ("ListID", "TxnID", "TxnNumber", "EditSequence", "ExternalGUID")
            if name in body
        }
        if ignored:
            answer.code, answer.severity = IGNORED, "Warn"
            answer.words = f'The field "{ignored[0]}" is not supported by this implementation and has been ignored.'

    def _take_away(self, asked: Asked, answer: Answer) -> None:
        company = self.company
        deed = asked.name
        kind = asked.body[f"{deed}Type"]
        at = figures.moment(company.now(), company.zone)
        said: Body = {f"{deed}Type": kind}
        if deed == "ListDel":
            full = company.name(asked.body["ListID"])
            row = lists.delete(company, kind, asked.body["ListID"])
            said |= {"ListID": row.id, "TimeDeleted": at, "FullName": full}
        elif deed == "TxnDel":
            row = documents.delete(company, kind, asked.body["TxnID"])
            said |= {"TxnID": row.id, "TimeDeleted": at}
        else:
            row = documents.void(company, kind, asked.body["TxnID"])
            head = company.head(row, listed=False)
            said |= {name: head[name] for name in ("TxnID", "TimeCreated", "TimeModified")}
        if row.body.get("RefNumber"):
            said["RefNumber"] = row.body["RefNumber"]
        written = ANSWERS.write(f"{deed}Rs", said)
        answer.inside = [written.removeprefix(f"<{deed}Rs>").removesuffix(f"</{deed}Rs>")]
        if deed != "ListDel":
            answer.recovery = {"TxnID": row.id}


def _removed(company: Company, family: str, query: Body) -> Found:
    """What was deleted, by kind and moment."""
    within = query.get("DeletedDateRangeFilter", {})
    start, end = within.get("FromDeletedDate"), within.get("ToDeletedDate")
    first = figures.seconds(start, company.zone) if start else 0
    last = figures.seconds(end, company.zone) if end else 1 << 60
    found = Found()
    kinds = LISTS if family == "List" else TXNS
    for kind in query[f"{family}DelType"]:
        rows = company.store.run(
            "select id, name, created, deleted from removed where space = ? and kind = ? and deleted between ? and ? order by rowid",
            company.space, kind if kind in kinds else "", first, last,
        )  # fmt: skip
        for id, name, created, deleted in rows:
            body = {
                f"{family}DelType": kind, f"{family}ID": id, "TimeCreated": figures.moment(created, company.zone),
                "TimeDeleted": figures.moment(deleted, company.zone),
            }  # fmt: skip
            if name:
                body["FullName" if family == "List" else "RefNumber"] = name
            found.records.append((f"{family}DeletedRet", body))
    if not found.records:
        found.code, found.words = 1, "A query request did not find a matching object in QuickBooks"
    if query.get("metaData"):
        found.attributes["retCount"] = str(len(found.records))
    return found
