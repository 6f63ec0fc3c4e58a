"""Documents: making, changing, voiding, deleting and showing them, whatever their kind."""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any

from integrations.simulation.store import Row

from . import figures, journals, ledger, lines, payments, purchases, sales, settlement
from .company import Company
from .figures import ZERO, amount
from .grammar import Body
from .kinds import TXNS
from .lists import Written, address_block
from .statuses import cannot_change, closed, missing, not_allowed, out_of_date, switched_off

Complete = Callable[[Company, str, Body], None]
Postings = Callable[[Company, str, str, Body], list[ledger.Posting]]

_COMPLETE: dict[str, Complete] = {
    **dict.fromkeys(sales.KINDS, sales.complete),
    **dict.fromkeys(("Bill", "VendorCredit", "PurchaseOrder"), purchases.complete),
    **dict.fromkeys(("ReceivePayment", "BillPaymentCheck", "BillPaymentCreditCard"), payments.complete),
    "JournalEntry": journals.complete,
}
_POSTINGS: dict[str, Postings] = {
    **dict.fromkeys(("Invoice", "CreditMemo", "SalesReceipt"), sales.postings),
    **dict.fromkeys(("Bill", "VendorCredit"), purchases.postings),
    **dict.fromkeys(("ReceivePayment", "BillPaymentCheck", "BillPaymentCreditCard"), payments.postings),
    "JournalEntry": journals.postings,
}
_NUMBERED = (*sales.KINDS, "PurchaseOrder", "JournalEntry")
_INSTRUCTIONS = (
    "TxnID", "EditSequence", "LinkToTxnID", "SetCredit", "IsAutoApply", "AppliedToTxnAdd", "AppliedToTxnMod",
    "ClearExpenseLines", "ClearItemLines",
)  # fmt: skip
_ORDERS = {"Invoice": ("SalesOrder", "Estimate"), "Bill": ("PurchaseOrder",)}


def add(company: Company, kind: str, sent: Body) -> Written:
    """A new document; raises Refusal."""
    check_edition(company, kind)
    party = TXNS[kind].party
    body, ignored = company.take(kind, f"{kind}Ret", _header(kind, sent))
    if party and party not in body and not TXNS[kind].nameless:
        raise missing(party, kind)
    body.setdefault("TxnDate", company.today())
    _check_open(company, kind, body["TxnDate"])
    _currency(company, kind, body)
    body["TxnNumber"] = str(company.store.next(f"{company.space} number"))
    if kind in _NUMBERED and not body.get("RefNumber"):
        body["RefNumber"] = str(company.store.next(f"{company.space} {kind} ref"))
    for stem in TXNS[kind].lines:
        given = sent.get(stem if stem == "JournalDebitLine" else f"{stem}Add", [])
        body[_member(stem)] = lines.new_lines(company, kind, stem, given)
        _price(company, kind, stem, body, given)
    links = _from_orders(company, kind, body, sent.get("LinkToTxnID", ()))
    _COMPLETE[kind](company, kind, body)
    row = company.keep(kind, body, id=company.new_id(listed=False))
    for origin, line, quantity in links:
        settlement.link(company, origin, line, row.id, quantity)
    _into_books(company, kind, row, sent)
    return row, ignored


def change(company: Company, kind: str, sent: Body) -> Written:
    """Changes what was sent; raises Refusal, with the present record where the edit sequence is old."""
    check_edition(company, kind)
    row = company.the(kind, sent["TxnID"])
    if sent["EditSequence"] != str(row.version):
        raise out_of_date(sent["EditSequence"], (f"{kind}Ret", show(company, kind, row, lined=True)))
    _check_open(company, kind, row.body["TxnDate"])
    if row.body.get("_void"):
        raise cannot_change(kind, "The transaction has been voided.")
    body, ignored = company.take(kind, f"{kind}Ret", _header(kind, sent), into=row.body)
    _check_open(company, kind, body["TxnDate"])
    party = TXNS[kind].party
    if party and party not in body and not TXNS[kind].nameless:
        raise missing(party, kind)
    if party and body.get(party) != row.body.get(party):
        if settlement.linked(company, row.id):
            raise cannot_change(kind, "The name cannot be changed while the transaction is linked to others.")
        body.pop("CurrencyRef", None)
        body.pop(settlement.SIDES[kind].account if kind in settlement.SIDES else "", None)
    _currency(company, kind, body)
    for stem in TXNS[kind].lines:
        _change_lines(company, kind, stem, body, sent)
    _COMPLETE[kind](company, kind, body)
    if kind in ("Invoice", "Bill") and settlement.total(body) < settlement.applied_to(company, row.id):
        raise not_allowed("Amount", body["_total"], "More has been paid already.")
    if kind in ("CreditMemo", "VendorCredit") and settlement.total(body) < settlement.used_of(company, row.id):
        raise not_allowed("Amount", body["_total"], "More of the credit has been used already.")
    row = company.keep(kind, body, before=row)
    _into_books(company, kind, row, sent)
    return row, ignored


def void(company: Company, kind: str, id: str) -> Row:
    """The document stays, with nothing in it but zeros, and settles nothing any more."""
    row = company.the(kind if kind in TXNS else "", id)
    _check_open(company, kind, row.body["TxnDate"])
    if row.body.get("_void"):
        return row
    _let_go(company, id)
    body = dict(row.body)
    for stem in TXNS[kind].lines:
        body[_member(stem)] = [line | {"Amount": "0.00"} if "Amount" in line else line for line in body[_member(stem)]]
    for name in ("Subtotal", "SalesTaxTotal", "TotalAmount", "AmountDue", "CreditAmount", "Amount", "_total"):
        if name in body:
            body[name] = "0.00"
    body["_void"] = "true"
    if kind != "JournalEntry":
        body["Memo"] = f"VOID: {body.get('Memo', '')}"[:4095].rstrip()
    ledger.unpost(company, id)
    return company.keep(kind, body, before=row, deed="void")


def delete(company: Company, kind: str, id: str) -> Row:
    """Takes a document out of the books, and with it what it settled."""
    row = company.the(kind if kind in TXNS else "", id)
    _check_open(company, kind, row.body["TxnDate"], deleting=True)
    _let_go(company, id)
    settlement.unlink(company, id)
    ledger.unpost(company, id)
    company.store.run("delete from txn where space = ? and id = ?", company.space, id)
    company.remove(kind, row, row.body.get("RefNumber", ""))
    return row


def show(company: Company, kind: str, row: Row, *, lined: bool, linked: bool = False) -> Body:
    """The document as answers hold it, with its lines and with what it is linked to where that was asked for."""
    body: Body = {name: value for name, value in row.body.items() if not name.startswith("_")}
    for stem in TXNS[kind].lines:
        kept = body.pop(_member(stem), [])
        if lined:
            body[_member(stem)] = [{name: value for name, value in line.items() if name[0] != "_"} for line in kept]
    if kind in ("Invoice", "Bill"):
        body |= _open_amounts(company, kind, row)
    elif kind in ("CreditMemo", "VendorCredit"):
        rest = settlement.total(row.body) - settlement.used_of(company, row.id)
        body["CreditRemaining" if kind == "CreditMemo" else "OpenAmount"] = str(rest)
        body["CreditRemainingInHomeCurrency"] = _home(row, rest)
    elif kind == "ReceivePayment":
        body["UnusedPayment"] = str(amount(body["TotalAmount"]) - settlement.used_of(company, row.id))
        body["UnusedCredits"] = "0.00"
        body["AppliedToTxnRet"] = settlement.applied_rets(company, row.id)
    elif kind.startswith("BillPayment"):
        body["Amount"] = str(settlement.used_of(company, row.id))
        body["AppliedToTxnRet"] = settlement.applied_rets(company, row.id)
    elif kind in ("SalesOrder", "PurchaseOrder"):
        _progress(company, kind, row, body)
    if linked:
        body["LinkedTxn"] = settlement.linked(company, row.id)
    if company.settings.multicurrency:
        body |= {
            f"{name}InHomeCurrency": _home(row, amount(body[name]))
            for name in ("TotalAmount", "AmountDue", "CreditAmount", "Amount")
            if name in body
        }
    else:
        for name in ("CurrencyRef", "ExchangeRate", "BalanceRemainingInHomeCurrency", "CreditRemainingInHomeCurrency"):
            body.pop(name, None)
    for member in ("BillAddress", "ShipAddress", "VendorAddress"):
        if member in body and kind != "Bill":
            body[f"{member}Block"] = address_block(body[member])
    return {**company.head(row, listed=False), **company.shown(body)}


def _header(kind: str, sent: Body) -> Body:
    stems = TXNS[kind].lines
    lined = {name for stem in stems for name in (stem, f"{stem}Add", f"{stem}Mod")} | {"JournalLineMod"}
    return {name: value for name, value in sent.items() if name not in lined and name not in _INSTRUCTIONS}


def _member(stem: str) -> str:
    return stem if stem == "JournalDebitLine" else f"{stem}Ret"


def _change_lines(company: Company, kind: str, stem: str, body: Body, sent: Body) -> None:
    given = sent.get("JournalLineMod" if stem == "JournalDebitLine" else f"{stem}Mod")
    member = _member(stem)
    clear = {"ExpenseLine": "ClearExpenseLines", "ItemLine": "ClearItemLines"}.get(stem, "")
    if sent.get(clear) in ("true", "1"):
        body[member] = []
    if given:
        body[member] = lines.changed_lines(company, kind, stem, given, body[member])
        _price(company, kind, stem, body, given)


def _price(company: Company, kind: str, stem: str, body: Body, sent: list[Body]) -> None:
    if stem in ("ExpenseLine", "JournalDebitLine"):
        return
    preceding = ZERO
    for line, given in zip(body[_member(stem)], sent, strict=True):
        lines.price_line(
            company, kind, line, given, rate="Cost" if stem == "ItemLine" else "Rate",
            exchange=Decimal(body.get("ExchangeRate") or 1), preceding=preceding,
        )  # fmt: skip
        if kind in sales.KINDS:
            lines.tax_code(company, line)
        preceding = lines.line_amount(line)


def _currency(company: Company, kind: str, body: Body) -> None:
    """A document is in the currency of whom it is about; an entry says its own."""
    party = TXNS[kind].party
    if "ExchangeRate" in body and not company.settings.multicurrency:
        raise switched_off("multicurrency")
    if party:
        id = body.get(party, {}).get("ListID", "")
        row = company.get(company.kind_of(id), id)
        body["CurrencyRef"] = (row.body if row else {}).get("CurrencyRef", {"ListID": company.home})
    else:
        if "CurrencyRef" in body and not company.settings.multicurrency:
            raise switched_off("multicurrency")
        body.setdefault("CurrencyRef", {"ListID": company.home})
    if body["CurrencyRef"]["ListID"] == company.home:
        body["ExchangeRate"] = "1"
    elif not body.get("ExchangeRate"):
        row = company.get("Currency", body["CurrencyRef"]["ListID"])
        body["ExchangeRate"] = (row.body if row else {}).get("ExchangeRate", "1")


def check_edition(company: Company, kind: str) -> None:
    if kind == "SalesOrder" and company.settings.edition == "Pro":
        raise switched_off("sales orders")


def _check_open(company: Company, kind: str, day: str, *, deleting: bool = False) -> None:
    if company.settings.closing_date and day <= company.settings.closing_date:
        raise closed(kind, deleting=deleting)


def _into_books(company: Company, kind: str, row: Row, sent: Body) -> None:
    """What a document that was just kept says is posted, found by queries, and settles what it settles."""
    body = row.body
    party = body.get(TXNS[kind].party, {}).get("ListID", "") if TXNS[kind].party else ""
    company.store.run(
        "insert into txn values (?,?,?,?,?,?,?) on conflict do update set ref=excluded.ref, day=excluded.day, party=excluded.party",
        company.space, row.id, kind, int(body["TxnNumber"]), body.get("RefNumber", ""), body["TxnDate"], party,
    )  # fmt: skip
    applied: list[Body] = sent.get("AppliedToTxnAdd") or sent.get("AppliedToTxnMod") or []
    if applied:
        for other in settlement.forget(company, row.id, holder_only=True):
            company.touch(*other)
        settlement.apply(company, kind, row, applied)
    if sent.get("IsAutoApply") in ("true", "1"):
        settlement.apply_by_age(company, row)
    settlement.set_credits(company, row, settlement.SALES, row, sent.get("SetCredit", ()))
    if kind == "ReceivePayment" and settlement.used_of(company, row.id) > amount(body["TotalAmount"]):
        raise not_allowed("TotalAmount", body["TotalAmount"], "More is applied than was paid.")
    ledger.unpost(company, row.id)
    if kind in _POSTINGS and body.get("IsPending") != "true":
        ledger.post(company, row.id, body, _POSTINGS[kind](company, kind, row.id, body))


def _let_go(company: Company, id: str) -> None:
    for other in settlement.forget(company, id):
        company.touch(*other)


def _from_orders(company: Company, kind: str, body: Body, origins: Collection[str]) -> list[tuple[str, str, Decimal]]:
    """Lines drawn from orders: whole orders by LinkToTxnID, single lines by LinkToTxn. Raises 3120 and 3210."""
    links = []
    stem = TXNS[kind].lines[-1] if TXNS[kind].lines else ""
    for origin in origins:
        order_kind, order = _order(company, kind, body, origin)
        done = settlement.done_of(company, origin)
        for line in order.body[_member(TXNS[order_kind].lines[0])]:
            ordered = figures.number(line.get("Quantity"))
            rest = None if ordered is None else ordered - done.get(line["TxnLineID"], Decimal())
            if rest == 0 or (ordered is None and line["TxnLineID"] in done):
                continue
            body[_member(stem)].append(lines.copied(company, stem, line, rest))
            links.append((origin, line["TxnLineID"], Decimal(1) if rest is None else rest))
    for line in body.get(_member(stem), []) if stem else []:
        source = line.pop("_from", None)
        if source:
            _order(company, kind, body, source["TxnID"])
            links.append((source["TxnID"], source["TxnLineID"], figures.number(line.get("Quantity")) or Decimal(1)))
    return links


def _order(company: Company, kind: str, body: Body, id: str) -> tuple[str, Row]:
    order_kind, order = settlement.document(company, id)
    if order_kind not in _ORDERS.get(kind, ()) or order.body[TXNS[order_kind].party] != body[TXNS[kind].party]:
        raise not_allowed("LinkToTxnID", id, "The transaction cannot be linked to this one.")
    return order_kind, order


def _open_amounts(company: Company, kind: str, row: Row) -> dict[str, Any]:
    due = settlement.total(row.body)
    applied = settlement.applied_to(company, row.id)
    paid = "true" if due == applied and row.body.get("IsPending") != "true" else "false"
    if kind == "Bill":
        return {"IsPaid": paid, "OpenAmount": str(due - applied)}
    return {
        "AppliedAmount": str(-applied) if applied else "0.00",
        "BalanceRemaining": str(due - applied),
        "BalanceRemainingInHomeCurrency": _home(row, due - applied),
        "IsPaid": paid,
    }


def _progress(company: Company, kind: str, row: Row, body: Body) -> None:
    """How far an order has become invoices or bills."""
    done = settlement.done_of(company, row.id)
    member = _member(TXNS[kind].lines[0])
    open_lines = [
        line for line in row.body[member]
        if "ItemRef" in line and done.get(line["TxnLineID"], Decimal()) < (figures.number(line.get("Quantity")) or Decimal(1))
    ]  # fmt: skip
    body.setdefault("IsManuallyClosed", "false")
    body["IsFullyInvoiced" if kind == "SalesOrder" else "IsFullyReceived"] = "false" if open_lines else "true"
    for line in body.get(member, []):
        if "ItemRef" in line:
            line["Invoiced" if kind == "SalesOrder" else "ReceivedQuantity"] = figures.trimmed(
                done.get(line["TxnLineID"], Decimal())
            )


def _home(row: Row, own: Decimal) -> str:
    return str(figures.cents(own * Decimal(row.body.get("ExchangeRate") or 1)))
