"""Words for stories between ledgers: what people do in a company by hand, and what stands in its books."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction

from integrations.connections.models import Connection
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.mapping.models import ValueTable
from integrations.records.models import Issue
from integrations.sync import services
from integrations.sync.models import Flow, Item, Run
from tests.journeys.stories import run_one

Body = dict[str, Any]

LISTS = (
    "accounts", "payment_terms", "tax_codes", "classes", "locations", "exchange_rates", "customers", "vendors", "items",
)  # fmt: skip


@dataclass(frozen=True)
class Company:
    """A simulated QuickBooks company, the people who work in it by hand, and our connection to it."""

    vendor: QuickBooksOnline
    connection: Connection

    @property
    def realm(self) -> str:
        return str(self.connection.settings["realmId"])

    def hand(self, entity: str, **body: Any) -> Body:
        """Somebody enters this in QuickBooks."""
        return self.vendor.by_hand(entity, body, realm=self.realm)

    def change(self, entity: str, id: str, **fields: Any) -> Body:
        """Somebody changes this in QuickBooks."""
        return self.vendor.change(entity, id, fields, realm=self.realm)

    def void(self, entity: str, id: str, **how: str) -> Body:
        """Somebody voids this in QuickBooks."""
        return self.vendor.by_hand(
            entity, self._name(entity, id) | {"sparse": True}, realm=self.realm, **(how or {"operation": "void"})
        )

    def delete(self, entity: str, id: str) -> Body:
        """Somebody deletes this in QuickBooks."""
        return self.vendor.by_hand(entity, self._name(entity, id), operation="delete", realm=self.realm)

    def _name(self, entity: str, id: str) -> Body:
        (found,) = [each for each in self.all(entity) if each["Id"] == id]
        return {"Id": id, "SyncToken": found["SyncToken"]}

    def all(self, entity: str) -> list[Body]:
        """Everything of a kind that stands there."""
        return self.vendor.documents(entity, self.realm)

    def one(self, entity: str, **fields: Any) -> Body:
        """The one of a kind that says this."""
        (found,) = [each for each in self.all(entity) if all(each.get(name) == said for name, said in fields.items())]
        return found

    def account(self, name: str) -> Body:
        return {"value": self.one("Account", Name=name)["Id"]}

    def tax(self, name: str = "") -> Body:
        """A tax code by its name; without one the code for what bears no tax."""
        is_us = self.vendor.company(self.realm).settings.is_us
        name = name or ("NON" if is_us else "No VAT")
        return {"value": self.one("TaxCode", Name=name)["Id"]}

    def customer(self, name: str = "Alder & Sons", **more: Any) -> Body:
        return {"value": self.hand("Customer", DisplayName=name, **more)["Id"]}

    def supplier(self, name: str = "Birch Paper", **more: Any) -> Body:
        return {"value": self.hand("Vendor", DisplayName=name, **more)["Id"]}

    def item(self, name: str = "Sales") -> Body:
        return {"value": self.one("Item", Name=name)["Id"]}

    def sold(self, amount: str, *, quantity: int = 1, tax: str = "", item: str = "Sales", **detail: Any) -> Body:
        """A line of a sale."""
        inner = {
            "ItemRef": self.item(item), "Qty": quantity, "UnitPrice": Decimal(amount) / quantity,
            "TaxCodeRef": self.tax(tax), **detail,
        }  # fmt: skip
        return {"Amount": Decimal(amount), "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": inner}

    def bought(self, amount: str, *, account: str = "Office Expenses", tax: str = "", **more: Any) -> Body:
        """A line of a purchase, straight to an account."""
        inner = {"AccountRef": self.account(account), "TaxCodeRef": self.tax(tax)}
        kind = "AccountBasedExpenseLineDetail"
        return {"Amount": Decimal(amount), "DetailType": kind, kind: inner, **more}

    def invoice(self, number: str, amount: str, customer: Body, **more: Any) -> Body:
        """An invoice of one line, or of the lines that are given."""
        body = {"Line": [self.sold(amount)], "TxnDate": "2026-09-14", **more}
        return self.hand("Invoice", DocNumber=number, CustomerRef=customer, **body)

    def bill(self, number: str, amount: str, supplier: Body, **more: Any) -> Body:
        """A bill of one line, or of the lines that are given."""
        body = {"Line": [self.bought(amount)], "TxnDate": "2026-09-14", **more}
        return self.hand("Bill", DocNumber=number, VendorRef=supplier, **body)


def settling(amount: str, entity: str, id: str) -> Body:
    """A line of a payment, for or from that document."""
    return {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": id, "TxnType": entity}]}


def settled(payment: Body) -> dict[tuple[str, str], Decimal]:
    """What a payment settles: (entity, id) -> amount."""
    return {
        (link["TxnType"], link["TxnId"]): Decimal(line["Amount"])
        for line in payment["Line"]
        for link in line.get("LinkedTxn", [])
    }


def posting(amount: str, side: str, account: Body, **detail: Any) -> Body:
    """A line of a journal entry."""
    kind = "JournalEntryLineDetail"
    return {"Amount": Decimal(amount), "DetailType": kind, kind: {"PostingType": side, "AccountRef": account, **detail}}


@dataclass(frozen=True)
class Move:
    """The flows of a template between two ledgers, by their names in it."""

    flows: dict[str, Flow]

    def run(self, *names: str, **options: bool) -> dict[str, Run]:
        """These flows, one after the other, each to its end."""
        return {name: run_one(self.flows[name], **options) for name in names}

    def lists(self) -> None:
        """All that documents refer to; what stands below another of its kind takes a second run."""
        for name in (name for name in LISTS if name in self.flows):
            run_one(self.flows[name])

    def green(self, *names: str) -> None:
        """These flows, of which every one must tie out to the cent."""
        runs = self.run(*names)
        told = {
            name: (
                run.colour,
                run.words,
                run.totals.get("differences"),
                list(map(str, self.issues(name))),
                self.waiting(name),
            )
            for name, run in runs.items()
            if run.colour != "green"
        }
        assert not told

    @transaction.atomic
    def issues(self, name: str) -> list[Issue]:
        """What of a flow needs a person."""
        return list(Issue.objects.filter(flow=self.flows[name], state=Issue.State.OPEN).order_by("where"))

    @transaction.atomic
    def waiting(self, name: str) -> list[str]:
        """What records of a flow wait for, in words."""
        found = Item.objects.filter(flow=self.flows[name], state=Item.State.WAITING)
        return list(found.values_list("words", flat=True))

    @transaction.atomic
    def retry(self, name: str) -> None:
        """A person lets what is held be decided again."""
        for item in Item.objects.filter(flow=self.flows[name], state=Item.State.HELD):
            services.retry(item, by=None)

    @transaction.atomic
    def policy(self, name: str, **changes: Any) -> None:
        """Another policy for a flow."""
        flow = self.flows[name]
        flow.policy = {**flow.policy, **changes}
        flow.save(update_fields=("policy",))


@transaction.atomic
def enter(table: str, **entries: str) -> None:
    """Somebody adds entries to a value table."""
    found = ValueTable.objects.get(name=table)
    found.entries = {**found.entries, **entries}
    found.save()


def proven(run: Run) -> dict[str, Decimal]:
    """What a run moved, by currency, as both ends say it afresh; an error where it is not green."""
    assert run.colour == "green", (run.words, run.totals)
    source, target = ({code: Decimal(sum) for code, sum in run.totals[end].items()} for end in ("source", "target"))
    assert source == target
    return source
