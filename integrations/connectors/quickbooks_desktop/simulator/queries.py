"""Queries: filters over lists and documents, and iterators that live as long as their session."""

from __future__ import annotations

import operator
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from integrations.simulation.store import Row

from . import custom, documents, figures, ledger, lists, settlement
from .company import Company
from .figures import amount
from .grammar import Asked, Body
from .kinds import ENTITIES, ITEMS, TXNS
from .statuses import NOT_ALL_FOUND, NOTHING_FOUND, OK, Refusal, bad_id, missing, not_found

Record = tuple[str, Body]  # the element and its content

_NOTHING = "A query request did not find a matching object in QuickBooks"
_COMPARE: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "LessThan": operator.lt, "LessThanEqual": operator.le, "Equal": operator.eq,
    "GreaterThan": operator.gt, "GreaterThanEqual": operator.ge,
}  # fmt: skip
_ITEM_TYPES = {
    "Discount": ("ItemDiscount",), "Inventory": ("ItemInventory",), "InventoryAndAssembly": ("ItemInventory",),
    "NonInventory": ("ItemNonInventory",), "OtherCharge": ("ItemOtherCharge",), "Service": ("ItemService",),
    "SalesTax": ("ItemSalesTax", "ItemSalesTaxGroup"), "AllExceptFixedAsset": ITEMS,
    "Sales": ("ItemService", "ItemNonInventory", "ItemOtherCharge", "ItemInventory", "ItemDiscount"),
}  # fmt: skip
_FAMILIES = {"Entity": ENTITIES, "Item": ITEMS, "Terms": ("StandardTerms",)}
_POSTING = {"Posting": True, "NonPosting": False}


@dataclass(slots=True)
class Found:
    """The outcome of a query: its status, its records, and how many are left in the iterator."""

    code: int = OK
    severity: str = "Info"
    words: str = "Status OK"
    records: list[Record] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)


class Iterators:
    """The iterators of one session: each a list of what was found at its start."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[str, list[tuple[str, str]]]] = {}

    def start(self, query: str, found: list[tuple[str, str]]) -> str:
        id = f"{{{uuid.uuid4()}}}"
        self._left[id] = query, found
        return id

    def take(self, id: str, query: str, most: int) -> tuple[list[tuple[str, str]], int]:
        """The next elements, and how many are left; raises 3000 for an iterator that is not alive."""
        if self._left.get(id, ("",))[0] != query:
            raise bad_id(id, "iteratorID")
        found = self._left[id][1]
        taken, rest = found[:most], found[most:]
        self._left[id] = query, rest
        if not rest:
            del self._left[id]
        return taken, len(rest)

    def stop(self, id: str) -> None:
        self._left.pop(id, None)

    def clear(self) -> None:
        self._left.clear()


def run(company: Company, asked: Asked, iterators: Iterators) -> Found:
    """The answer to a query of list elements or documents."""
    subject, query = asked.name.removesuffix("Query"), asked.body
    if subject == "Transaction":
        matches, missed = _transactions(company, query)
    elif subject in TXNS:
        documents.check_edition(company, subject)
        matches, missed = _documents(company, subject, query)
    else:
        if subject == "Currency":
            lists.company_must_have_currencies(company)
        matches, missed = _elements(company, subject, query)
    return _paged(company, asked, subject, iterators, matches, missed)


def _paged(
    company: Company,
    asked: Asked,
    subject: str,
    iterators: Iterators,
    matches: list[tuple[str, str]],
    missed: Sequence[str],
) -> Found:
    found = Found()
    most = int(asked.body.get("MaxReturned", 0)) or len(matches)
    step, count = asked.attributes.get("iterator"), len(matches)
    if step == "Stop":
        iterators.stop(asked.attributes.get("iteratorID", ""))
        return found
    if step and "MaxReturned" not in asked.body:
        raise missing("MaxReturned", asked.name)
    if step:
        id = asked.attributes.get("iteratorID", "")
        if step == "Start":
            id = iterators.start(asked.name, matches)
        matches, rest = iterators.take(id, asked.name, most)
        found.attributes |= {"iteratorRemainingCount": str(rest), "iteratorID": id}
    else:
        matches = matches[:most]
    meta = asked.attributes.get("metaData", "NoMetaData")
    if meta != "NoMetaData":
        found.attributes["retCount"] = str(count)
    if meta != "MetaDataOnly":
        found.records = list(_shown(company, subject, asked.body, matches))
    if missed:
        found.code, found.severity = NOT_ALL_FOUND, "Warn"
        found.words = (
            "The query request has not been fully completed. There was a required element"
            f' ("{missed[0]}") that could not be found in QuickBooks.'
        )
    elif not matches and meta != "MetaDataOnly":
        found.code, found.words = NOTHING_FOUND, _NOTHING
    return found


def _shown(company: Company, subject: str, query: Body, matches: list[tuple[str, str]]) -> Iterator[Record]:
    owners = query.get("OwnerID", ())
    for kind, id in matches:
        row = company.get(kind, id)
        if row is None:
            continue
        if subject == "Transaction":
            yield "TransactionRet", _light(company, kind, row)
        elif kind in TXNS:
            lined = query.get("IncludeLineItems") in ("true", "1")
            linked = query.get("IncludeLinkedTxns") in ("true", "1")
            body = documents.show(company, kind, row, lined=lined, linked=linked)
            yield f"{kind}Ret", custom.beside(company, row.id, body, owners)
        else:
            yield f"{kind}Ret", custom.beside(company, row.id, lists.show(company, kind, row), owners)


# lists


def _elements(company: Company, subject: str, query: Body) -> tuple[list[tuple[str, str]], list[str]]:
    kinds = _FAMILIES.get(subject, (subject,))
    if "ListID" in query:
        found = [(company.kind_of(id), id) for id in query["ListID"] if company.kind_of(id) in kinds]
        missed = [id for id in query["ListID"] if company.kind_of(id) not in kinds]
        if missed and not found:
            raise not_found(missed[0])
        return found, missed
    if "FullName" in query:
        ids = [(name, company.named(kinds, name)) for name in query["FullName"]]
        return [(company.kind_of(id), id) for _, id in ids if id], [name for name, id in ids if not id]
    found = []
    for kind in _wanted_kinds(kinds, query):
        found += [(kind, row.id) for row in _rows(company, kind, query) if _fits(company, kind, row, query)]
    return found, []


def _wanted_kinds(kinds: Sequence[str], query: Body) -> Sequence[str]:
    wanted = query.get("ItemTypeFilter") or query.get("EntityTypeFilter")
    return [kind for kind in kinds if kind in _ITEM_TYPES.get(wanted, (wanted,))] if wanted else kinds


def _fits(company: Company, kind: str, row: Row, query: Body) -> bool:
    status = query.get("ActiveStatus", "ActiveOnly")
    if status != "All" and row.active != (status == "ActiveOnly"):
        return False
    if not _name_fits(company.name(row.id), query.get("NameFilter"), query.get("NameRangeFilter"), "Name"):
        return False
    if "AccountType" in query and row.body.get("AccountType") not in query["AccountType"]:
        return False
    if "PaymentMethodType" in query and row.body.get("PaymentMethodType") not in query["PaymentMethodType"]:
        return False
    for member, name in (("CurrencyFilter", "CurrencyRef"), ("ClassFilter", "ClassRef")):
        if member in query:
            wanted = _ids(company, (name.removesuffix("Ref"),), query[member])
            if row.body.get(name, {}).get("ListID") not in wanted:
                return False
    if "TotalBalanceFilter" in query:
        test = query["TotalBalanceFilter"]
        sign = -1 if kind == "Vendor" else 1
        owed = sign * ledger.owed(company, company.with_children(row.id))
        return _COMPARE[test["Operator"]](owed, amount(test["Amount"]))
    return True


def _rows(company: Company, kind: str, within: Body) -> list[Row]:
    """What there is of a kind, changed within these moments, in the order in which it was made."""
    start, end = within.get("FromModifiedDate"), within.get("ToModifiedDate")
    first = figures.seconds(start, company.zone) if start else 0
    last = figures.seconds(end, company.zone) if end else 1 << 60
    return company.rows(kind, "not gone and changed between ? and ? order by created, rowid", first, last)


def _name_fits(name: str, match: Body | None, between: Body | None, what: str) -> bool:
    folded = name.casefold()
    if match:
        wanted = match[what].casefold()
        how = match["MatchCriterion"]
        return {
            "StartsWith": folded.startswith(wanted), "Contains": wanted in folded, "EndsWith": folded.endswith(wanted),
        }[how]  # fmt: skip
    if between:
        start, end = between.get(f"From{what}", "").casefold(), between.get(f"To{what}", "").casefold()
        return folded >= start and (not end or folded <= end)
    return True


def _ids(company: Company, kinds: Sequence[str], named: Body) -> set[str]:
    """The list elements that a filter names, with all below them where it says so."""
    found = set(named.get("ListID", ()))
    found |= {id for name in named.get("FullName", ()) if (id := company.named(kinds, name))}
    top = named.get("ListIDWithChildren") or company.named(kinds, named.get("FullNameWithChildren", ""))
    return found | set(company.with_children(top)) if top else found


# documents


def _documents(company: Company, kind: str, query: Body) -> tuple[list[tuple[str, str]], list[str]]:
    if "TxnID" in query:
        return _by_id([kind], company, query["TxnID"])
    for member, folded in (("RefNumber", True), ("RefNumberCaseSensitive", False)):
        if member in query:
            return _by_number([kind], company, query[member], folded=folded)
    rows = _rows(company, kind, query.get("ModifiedDateRangeFilter", {}))
    return [(kind, row.id) for row in rows if _document_fits(company, kind, row, query)], []


def _transactions(company: Company, query: Body) -> tuple[list[tuple[str, str]], list[str]]:
    types = query.get("TransactionTypeFilter", {}).get("TxnTypeFilter", ["All"])
    kinds = [kind for kind in TXNS if "All" in types or kind in types]
    posting = _POSTING.get(query.get("TransactionPostingStatusFilter", "Either"))
    kinds = [kind for kind in kinds if posting is None or TXNS[kind].posts == posting]
    if "TxnID" in query:
        return _by_id(kinds, company, query["TxnID"])
    for member, folded in (("RefNumber", True), ("RefNumberCaseSensitive", False)):
        if member in query:
            return _by_number(kinds, company, query[member], folded=folded)
    plain = dict(query)
    plain["ModifiedDateRangeFilter"] = query.get("TransactionModifiedDateRangeFilter", {})
    plain["TxnDateRangeFilter"] = query.get("TransactionDateRangeFilter", {})
    if "TransactionEntityFilter" in query:
        plain["EntityFilter"] = query["TransactionEntityFilter"]
    if "TransactionAccountFilter" in query:
        plain["AccountFilter"] = query["TransactionAccountFilter"]
    paid = {"Open": "NotPaidOnly", "Closed": "PaidOnly"}.get(query.get("TransactionPaidStatusFilter", "Either"))
    if paid:
        plain["PaidStatus"] = paid
    found = []
    for kind in kinds:
        rows = _rows(company, kind, plain["ModifiedDateRangeFilter"])
        found += [(kind, row.id) for row in rows if _document_fits(company, kind, row, plain)]
    return found, []


def _by_id(kinds: Sequence[str], company: Company, ids: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    found, missed = [], []
    for id in ids:
        try:
            kind, _ = settlement.document(company, id)
        except Refusal:
            kind = ""
        if kind in kinds:
            found.append((kind, id))
        else:
            missed.append(id)
    if missed and not found:
        raise not_found(missed[0])
    return found, missed


def _by_number(
    kinds: Sequence[str], company: Company, numbers: Sequence[str], *, folded: bool
) -> tuple[list[tuple[str, str]], list[str]]:
    found, missed = [], []
    for wanted in numbers:
        sql = "select kind, id, ref from txn where space = ? and ref = ? collate nocase order by number"
        rows = [
            (kind, id) for kind, id, ref in company.store.run(sql, company.space, wanted)
            if kind in kinds and (folded or ref == wanted)
        ]  # fmt: skip
        found += rows
        if not rows:
            missed.append(wanted)
    return found, missed


def _document_fits(company: Company, kind: str, row: Row, query: Body) -> bool:
    body = row.body
    days = query.get("TxnDateRangeFilter", {})
    if days.get("FromTxnDate") and body["TxnDate"] < figures.day(days["FromTxnDate"]).isoformat():
        return False
    if days.get("ToTxnDate") and body["TxnDate"] > figures.day(days["ToTxnDate"]).isoformat():
        return False
    for filter in (days, query.get("ModifiedDateRangeFilter", {})):
        if filter.get("DateMacro", "All") not in ("All", "Today"):
            raise Refusal(3250, f"This simulator does not know the days of {filter['DateMacro']}.")
        if filter.get("DateMacro") == "Today" and body["TxnDate"] != company.today():
            return False
    if not _name_fits(
        body.get("RefNumber", ""), query.get("RefNumberFilter"), query.get("RefNumberRangeFilter"), "RefNumber"
    ):
        return False
    if "EntityFilter" in query and not _of_entity(company, kind, row, query["EntityFilter"]):
        return False
    if "AccountFilter" in query and not _on_account(company, row, query["AccountFilter"]):
        return False
    if "CurrencyFilter" in query and body["CurrencyRef"]["ListID"] not in _ids(
        company, ("Currency",), query["CurrencyFilter"]
    ):
        return False
    status = query.get("PaidStatus", "All")
    if status != "All":
        shown = documents.show(company, kind, row, lined=False)
        return bool(shown.get("IsPaid", "true") == ("true" if status == "PaidOnly" else "false"))
    return True


def _of_entity(company: Company, kind: str, row: Row, wanted: Body) -> bool:
    party = row.body.get(TXNS[kind].party, {}).get("ListID", "") if TXNS[kind].party else ""
    if "EntityTypeFilter" in wanted:
        return company.kind_of(party) == str(wanted["EntityTypeFilter"])
    return party in _ids(company, ENTITIES, wanted)


def _on_account(company: Company, row: Row, wanted: Body) -> bool:
    accounts = _ids(company, ("Account",), wanted)
    rows = company.store.run("select distinct account from posting where space = ? and id = ?", company.space, row.id)
    if "AccountTypeFilter" in wanted:
        types = [account.body["AccountType"] for (id,) in rows if (account := company.get("Account", id))]
        return wanted["AccountTypeFilter"] in types
    return any(account in accounts for (account,) in rows)


def _light(company: Company, kind: str, row: Row) -> Body:
    """A document as TransactionQuery shows it."""
    full = documents.show(company, kind, row, lined=False)
    whole = str(settlement.total(row.body))
    if kind.startswith("BillPayment"):
        whole = full["Amount"]
    light: Body = {
        "TxnType": kind, "TxnID": row.id, "TimeCreated": full["TimeCreated"], "TimeModified": full["TimeModified"],
        "TxnDate": full["TxnDate"], "RefNumber": full.get("RefNumber", ""), "Amount": whole, "Memo": full.get("Memo", ""),
    }  # fmt: skip
    if TXNS[kind].party in full:
        light["EntityRef"] = full[TXNS[kind].party]
    for name in ("ARAccountRef", "APAccountRef"):
        if name in full:
            light["AccountRef"] = full[name]
    if company.settings.multicurrency:
        light |= {"CurrencyRef": full["CurrencyRef"], "ExchangeRate": full["ExchangeRate"]}
        light["AmountInHomeCurrency"] = str(figures.cents(Decimal(whole) * Decimal(full["ExchangeRate"])))
    return {name: value for name, value in light.items() if value != ""}
