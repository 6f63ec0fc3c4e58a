"""The books behind the documents: what each one posts, and the trial balance of them all."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from .company import Body, Company, rounded

SCHEMA = """
create table if not exists posting (
    space text not null, kind text not null, id text not null, day text not null, account text not null, amount integer not null
);
create index if not exists posting_document on posting (space, kind, id);
create table if not exists account_balance (
    space text not null, account text not null, amount integer not null, primary key (space, account)
) without rowid;
"""  # amounts are in ten-thousandths of the home currency, debits positive

Postings = dict[str, Decimal]  # account id -> amount, debits positive

_SALES = {"Invoice": 1, "SalesReceipt": 1, "CreditMemo": -1, "RefundReceipt": -1}
_PURCHASES = {"Bill": 1, "Purchase": 1, "VendorCredit": -1}


def post(company: Company, kind: str, id: str, body: Body | None) -> None:
    """Replaces what a document has posted; None takes it out of the books."""
    store, realm = company.store, company.realm
    for account, amount in store.run(
        "delete from posting where space=? and kind=? and id=? returning account, amount", realm, kind, id
    ):
        _add(company, account, -amount)
    if body is None:
        return
    for account, amount in postings(company, kind, body).items():
        units = int(rounded(amount, 4) * 10000)
        if units:
            values = (realm, kind, id, body["TxnDate"], account, units)
            store.run("insert into posting values (?,?,?,?,?,?)", *values)
            _add(company, account, units)


def postings(company: Company, kind: str, body: Body) -> Postings:
    """What a document means in the home currency; it always adds up to zero."""
    into: defaultdict[str, Decimal] = defaultdict(Decimal)
    accounts = company.settings.accounts
    if kind in _SALES:
        for line in body["Line"]:
            _sale_line(company, into, line, -_SALES[kind])
        into[accounts["tax"]] -= _SALES[kind] * _total_tax(body)
        other = accounts["receivable"] if kind in ("Invoice", "CreditMemo") else body["DepositToAccountRef"]["value"]
    elif kind in _PURCHASES:
        sign = -1 if body.get("Credit") else _PURCHASES[kind]
        for line in body["Line"]:
            into[_expense_account(company, line)] += sign * Decimal(line.get("Amount", 0))
        into[accounts["tax"]] += sign * _total_tax(body)
        other = body["AccountRef"]["value"] if kind == "Purchase" else body["APAccountRef"]["value"]
    elif kind == "Payment":
        into[body["DepositToAccountRef"]["value"]] += body["TotalAmt"]
        other = accounts["receivable"]
    elif kind == "BillPayment":
        into[body["APAccountRef"]["value"]] += body["TotalAmt"]
        paid_from = body.get("CheckPayment", {}).get("BankAccountRef") or body["CreditCardPayment"]["CCAccountRef"]
        other = paid_from["value"]
    elif kind == "JournalEntry":
        for line in body["Line"]:
            detail = line.get("JournalEntryLineDetail")
            if detail:
                into[detail["AccountRef"]["value"]] += line["Amount"] * (1 if detail["PostingType"] == "Debit" else -1)
        other = ""
    elif kind == "Deposit":
        for line in body["Line"]:
            source = line.get("DepositLineDetail", {}).get("AccountRef", {}).get("value") or accounts["undeposited"]
            into[source] -= line["Amount"]
        if "CashBack" in body:
            into[body["CashBack"]["AccountRef"]["value"]] += Decimal(body["CashBack"]["Amount"])
        other = body["DepositToAccountRef"]["value"]
    elif kind == "Transfer":
        into[body["FromAccountRef"]["value"]] -= body["Amount"]
        other = body["ToAccountRef"]["value"]
    else:
        return {}
    rate = Decimal(body.get("ExchangeRate") or 1)
    home = {account: rounded(amount * rate) for account, amount in into.items()}
    rest = -sum(home.values(), Decimal())
    if other:
        home[other] = home.get(other, Decimal()) + rest
    return home


def trial(company: Company) -> dict[str, Any]:
    """The trial balance added up afresh from every posting: accounts by name, debits positive, and the sum, which is 0."""
    names = {row.id: row.body["FullyQualifiedName"] for row in company.store.rows(company.realm, "Account", "1")}
    rows = company.store.run(
        "select account, sum(amount) from posting where space=? group by account order by account", company.realm
    )
    accounts = {names[account]: Decimal(amount) / 10000 for account, amount in rows}
    return {"accounts": accounts, "sum": sum(accounts.values(), Decimal())}


def owed(kind: str, body: Body) -> dict[tuple[str, str], Decimal]:
    """How a document changes what a customer owes us, or we a vendor: (Customer or Vendor, id) -> amount."""
    customer, vendor = body.get("CustomerRef", {}).get("value"), body.get("VendorRef", {}).get("value")
    if kind in ("Invoice", "CreditMemo", "Payment"):
        return {("Customer", customer): Decimal(body["TotalAmt"]) * (1 if kind == "Invoice" else -1)}
    if kind in ("Bill", "VendorCredit", "BillPayment"):
        return {("Vendor", vendor): Decimal(body["TotalAmt"]) * (1 if kind == "Bill" else -1)}
    parties: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    if kind == "JournalEntry":
        for line in body["Line"]:
            detail = line.get("JournalEntryLineDetail", {})
            party = detail.get("Entity")
            if party and party.get("Type") in ("Customer", "Vendor"):
                sign = 1 if (detail["PostingType"] == "Debit") == (party["Type"] == "Customer") else -1
                parties[party["Type"], party["EntityRef"]["value"]] += sign * line["Amount"]
    return dict(parties)


def _sale_line(company: Company, into: defaultdict[str, Decimal], line: Body, sign: int) -> None:
    kind = line["DetailType"]
    if kind == "SalesItemLineDetail":
        into[_income_account(company, line["SalesItemLineDetail"])] += sign * line["Amount"]
    elif kind == "GroupLineDetail":
        for member in line["GroupLineDetail"].get("Line", []):
            _sale_line(company, into, member, sign)
    elif kind == "DiscountLineDetail":
        account = line["DiscountLineDetail"]["DiscountAccountRef"]["value"]
        into[account] -= sign * line["Amount"]


def _income_account(company: Company, detail: Body) -> str:
    item = detail.get("ItemRef", {}).get("value")
    if item is None or item == "SHIPPING_ITEM_ID":
        return company.settings.accounts["shipping" if item else "income"]
    row = company.store.get(company.realm, "Item", item)
    account = row and row.body.get("IncomeAccountRef", row.body.get("ExpenseAccountRef"))
    return str(account["value"]) if account else company.settings.accounts["income"]


def _expense_account(company: Company, line: Body) -> str:
    detail = line.get("AccountBasedExpenseLineDetail")
    if detail:
        return str(detail["AccountRef"]["value"])
    item = line.get("ItemBasedExpenseLineDetail", {}).get("ItemRef", {}).get("value")
    row = company.store.get(company.realm, "Item", item) if item else None
    if row is None:
        return company.settings.accounts["expense"]
    account = row.body.get("AssetAccountRef") or row.body.get("ExpenseAccountRef") or row.body["IncomeAccountRef"]
    return str(account["value"])


def _total_tax(body: Body) -> Decimal:
    return Decimal(body.get("TxnTaxDetail", {}).get("TotalTax", 0))


def _add(company: Company, account: str, units: int) -> None:
    company.store.run(
        "insert into account_balance values (?,?,?) on conflict do update set amount = amount + excluded.amount",
        company.realm, account, units,
    )  # fmt: skip
