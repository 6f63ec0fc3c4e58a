"""Payments of customers and to vendors: their amounts and what they post; what they settle is in settlement."""

from __future__ import annotations

from .company import Company
from .figures import ZERO, amount
from .grammar import Body
from .ledger import Posting
from .lists import open_item_account
from .settlement import discounts, used_of
from .statuses import not_allowed

_PAID_FROM = {
    "BillPaymentCheck": ("BankAccountRef", "Bank"),
    "BillPaymentCreditCard": ("CreditCardAccountRef", "CreditCard"),
}


def complete(company: Company, kind: str, body: Body) -> None:
    """Finds the accounts, and checks their types."""
    if kind == "ReceivePayment":
        body.setdefault("ARAccountRef", open_item_account(company, "receivable", body))
        body.setdefault("DepositToAccountRef", {"ListID": company.settings.roles["undeposited"]})
        body.setdefault("TotalAmount", "0.00")
        if amount(body["TotalAmount"]) < 0:
            raise not_allowed("TotalAmount", body["TotalAmount"], "Transaction amount must be positive.")
        body["_total"] = body["TotalAmount"]
        return
    body.setdefault("APAccountRef", open_item_account(company, "payable", body))
    name, wanted = _PAID_FROM[kind]
    account = company.get("Account", body[name]["ListID"])
    if account is None or account.body["AccountType"] != wanted:
        raise not_allowed(name, company.name(body[name]["ListID"]), f"It is not an account of the type {wanted}.")
    body.setdefault("_total", "0.00")


def postings(company: Company, kind: str, id: str, body: Body) -> list[Posting]:
    """Money against receivables or payables, with the discounts given or taken."""
    given = discounts(company, id)
    off = sum((each for _, each in given), ZERO)
    if kind == "ReceivePayment":
        paid = amount(body["TotalAmount"])
        found = [
            Posting(body["DepositToAccountRef"]["ListID"], paid),
            *(Posting(account, each) for account, each in given),
        ]
        return [*found, Posting(body["ARAccountRef"]["ListID"], -(paid + off), body["CustomerRef"]["ListID"])]
    paid = used_of(company, id)
    found = [Posting(body[_PAID_FROM[kind][0]]["ListID"], -paid), *(Posting(account, -each) for account, each in given)]
    return [*found, Posting(body["APAccountRef"]["ListID"], paid + off, body["PayeeEntityRef"]["ListID"])]
