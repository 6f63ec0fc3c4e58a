"""Whatever is done to the simulated books, in whatever order, they stay books."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline

from .judged import Caller, expense_line, item_line, paying

OPERATIONS = [
    "invoice",
    "invoice",
    "credit",
    "pay",
    "pay",
    "apply credit",
    "change",
    "void",
    "delete",
    "bill",
    "pay bill",
    "receipt",
    "refund",
    "deposit",
]


class Bookkeeper:
    """Does what comes to mind; a refusal by the vendor is an answer like any other."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        vendor = QuickBooksOnline(limits=0)
        self.caller = Caller(vendor, list(vendor.companies)[seed % 2])
        self.customers = [{"value": self.caller.make("Customer", DisplayName=f"Customer {n}")["Id"]} for n in range(3)]
        self.suppliers = [{"value": self.caller.make("Vendor", DisplayName=f"Supplier {n}")["Id"]} for n in range(2)]
        us = vendor.company(self.caller.realm).settings.is_us
        self.codes = (
            [{"value": "TAX"}, {"value": "NON"}]
            if us
            else [self.caller.tax_code(name) for name in ("20.0% S", "5.0% R", "No VAT")]
        )

    def act(self) -> None:
        getattr(self, "_" + self.random.choice(OPERATIONS).replace(" ", "_"))()

    def _line(self) -> dict:
        return item_line(self._amount(), TaxCodeRef=self.random.choice(self.codes))

    def _amount(self) -> str:
        return str(Decimal(self.random.randint(1, 50_000)) / 100)

    def _some(self, kind: str) -> dict | None:
        found = self.caller.vendor.documents(kind, self.caller.realm)
        return self.random.choice(found) if found else None

    def _invoice(self, kind: str = "Invoice") -> None:
        lines = [self._line() for _ in range(self.random.randint(1, 4))]
        self.caller.make(kind, CustomerRef=self.random.choice(self.customers), Line=lines)

    def _credit(self) -> None:
        self._invoice("CreditMemo")

    def _receipt(self) -> None:
        self._invoice("SalesReceipt")

    def _pay(self) -> None:
        made = self._some("Invoice")
        if made:
            amount = self._amount()
            self.caller.ask("POST", "payment", {"CustomerRef": made["CustomerRef"], "TotalAmt": Decimal(amount),
                                                "Line": [paying(amount, "Invoice", made["Id"])]})  # fmt: skip

    def _apply_credit(self) -> None:
        made, memo = self._some("Invoice"), self._some("CreditMemo")
        if made and memo:
            amount = str(min(made["Balance"], memo["RemainingCredit"]))
            lines = [paying(amount, "Invoice", made["Id"]), paying(amount, "CreditMemo", memo["Id"])]
            self.caller.ask("POST", "payment", {"CustomerRef": made["CustomerRef"], "TotalAmt": 0, "Line": lines})

    def _change(self) -> None:
        made = self._some(self.random.choice(["Invoice", "CreditMemo", "SalesReceipt"]))
        if made:
            kind = "CreditMemo" if "RemainingCredit" in made else "Invoice" if "DueDate" in made else "SalesReceipt"
            body = {
                "Id": made["Id"],
                "SyncToken": made["SyncToken"],
                "sparse": True,
                "Line": [*made["Line"][:1], self._line()],
            }
            self.caller.ask("POST", kind.lower(), body)

    def _void(self) -> None:
        made = self._some("Invoice")
        if made:
            self.caller.ask("POST", "invoice?operation=void", {"Id": made["Id"], "SyncToken": made["SyncToken"]})

    def _delete(self) -> None:
        kind = self.random.choice(["Invoice", "CreditMemo", "Payment", "Bill", "BillPayment", "Deposit"])
        made = self._some(kind)
        if made:
            self.caller.ask(
                "POST", f"{kind.lower()}?operation=delete", {"Id": made["Id"], "SyncToken": made["SyncToken"]}
            )

    def _bill(self) -> None:
        code = self.random.choice(self.codes)
        line = expense_line(self._amount(), self.caller.account("expense"), TaxCodeRef=code)
        self.caller.make("Bill", VendorRef=self.random.choice(self.suppliers), Line=[line])

    def _pay_bill(self) -> None:
        made = self._some("Bill")
        if made and made["Balance"]:
            amount = str(made["Balance"])
            self.caller.ask("POST", "billpayment", {"VendorRef": made["VendorRef"], "PayType": "CreditCard", "TotalAmt": Decimal(amount),
                                                    "CreditCardPayment": {"CCAccountRef": self.caller.account("card")},
                                                    "Line": [paying(amount, "Bill", made["Id"])]})  # fmt: skip

    def _refund(self) -> None:
        account = self.caller.account(self.random.choice(["bank", "undeposited"]))
        self.caller.make(
            "RefundReceipt",
            CustomerRef=self.random.choice(self.customers),
            DepositToAccountRef=account,
            Line=[self._line()],
        )

    def _deposit(self) -> None:
        kind = self.random.choice(["Payment", "SalesReceipt", "RefundReceipt"])
        made = self._some(kind)
        if made and made["TotalAmt"]:
            amount = made["TotalAmt"] * (-1 if kind == "RefundReceipt" else 1)
            line = {**paying(str(amount), kind, made["Id"]), "DetailType": "DepositLineDetail"}
            self.caller.ask("POST", "deposit", {"DepositToAccountRef": self.caller.account("bank"), "Line": [line]})


@pytest.mark.parametrize("seed", range(8))
def test_the_books_balance_whatever_is_done(seed: int) -> None:
    keeper = Bookkeeper(seed)
    for _ in range(120):
        keeper.act()
    vendor, realm = keeper.caller.vendor, keeper.caller.realm
    trial = vendor.trial(realm)
    assert trial["sum"] == 0
    shown = {body["FullyQualifiedName"]: body for body in vendor.documents("Account", realm)}
    for name, amount in trial["accounts"].items():
        usual = 1 if shown[name]["Classification"] in ("Asset", "Expense") else -1
        assert shown[name]["CurrentBalance"] == usual * amount, name
    for customer in vendor.documents("Customer", realm):
        assert customer["Balance"] == open_receivables(vendor, realm, customer["Id"])
    receivables = sum(customer["Balance"] for customer in vendor.documents("Customer", realm))
    payables = sum(supplier["Balance"] for supplier in vendor.documents("Vendor", realm))
    assert trial["accounts"].get("Accounts Receivable (A/R)", 0) == receivables
    assert trial["accounts"].get("Accounts Payable (A/P)", 0) == -payables


def open_receivables(vendor: QuickBooksOnline, realm: str, customer: str) -> Decimal:
    """What a customer owes, added up from the documents alone."""

    def mine(kind: str) -> list[dict]:
        return [body for body in vendor.documents(kind, realm) if body["CustomerRef"]["value"] == customer]

    owed = sum((Decimal(body["Balance"]) for body in mine("Invoice")), Decimal())
    credited = sum((Decimal(body["RemainingCredit"]) for body in mine("CreditMemo")), Decimal())
    return owed - credited - sum((Decimal(body["UnappliedAmt"]) for body in mine("Payment")), Decimal())
