"""The vendors of the campaign: how each is connected, and what its own ledger says was booked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import requests
from django.db import transaction

from integrations.connections import authorise
from integrations.connections.models import Connection, VendorApp
from integrations.connections.services import save_connection
from integrations.connections.services import test as try_out
from integrations.simulation.sandbox import CONTROL

EXACT = msgspec.json.Decoder(float_hook=Decimal)
# The longest that a vendor of the campaign is at a call on a busy machine, and some.
SETTLE_SECONDS = 4


class Vendor(ABC):
    """One simulated vendor over HTTP, and the books there that are the campaign's."""

    slug: str
    kinds: tuple[str, ...] = ("Invoice", "CreditMemo")  # in which its journal counts documents

    def __init__(self, sandbox: str) -> None:
        """`sandbox` is the address of the simulators that this campaign's lane has for itself."""
        self.sandbox = sandbox

    @abstractmethod
    def meet(self, books: Connection) -> None:
        """Know the books at the vendor's end, where somebody else has connected them."""

    @abstractmethod
    def documents(self) -> Iterator[tuple[str, Decimal]]:
        """The (number, total) of every document in its ledger, credit notes with a negative total."""

    def made(self) -> int:
        """How many documents were ever made there, by its journal of what it was asked and did."""
        counts = self.tell("status")["counts"]
        return sum(int(counts.get(f"create {kind}", 0)) for kind in self.kinds)

    def tell(self, control: str, **arguments: Any) -> Any:
        """Ask the simulator something that no real vendor answers."""
        address = f"{self.sandbox}/{self.slug}/{CONTROL}/{control}"
        answer = requests.post(address, json=arguments, timeout=60)
        answer.raise_for_status()
        return EXACT.decode(answer.content)["result"]


class CalledVendor(Vendor):
    """A vendor that can be called by a worker that has nothing but itself."""

    changes_posted = True  # whether what is posted may be changed there

    @abstractmethod
    def connect(self) -> Connection:
        """A tested connection to its books."""

    @abstractmethod
    def answers(self) -> dict[str, str]:
        """What the shipped template asks of a person."""


class QuickBooksOnline(CalledVendor):
    slug = "quickbooks_online"

    def connect(self) -> Connection:
        with transaction.atomic():
            app = {"connector": self.slug, "environment": "simulator"}
            VendorApp.objects.get_or_create(**app, defaults={"client_id": "client", "client_secret": "sandbox"})
        books = Connection(name="Books", connector=self.slug, environment="simulator")
        books.settings = {"settle_seconds": SETTLE_SECONDS}
        save_connection(books, by=None)
        self.realm = next(realm for realm, name in self.tell("companies").items() if "Harbour" in name)
        with transaction.atomic():
            address, kept = authorise.begin(books, redirect_uri="http://localhost/connected")
        self.tell("auto_consent", realm=self.realm)
        answer = requests.get(address, allow_redirects=False, timeout=30)
        authorise.complete(books, dict(parse_qsl(urlsplit(answer.headers["Location"]).query)), kept, by=None)
        try_out(books, by=None)
        return books

    def meet(self, books: Connection) -> None:
        self.realm = books.settings["realmId"]

    def answers(self) -> dict[str, str]:
        accounts, codes = (self.tell("documents", kind=kind, realm=self.realm) for kind in ("Account", "TaxCode"))
        return {
            "income_account": next(each["Id"] for each in accounts if each["AccountType"] == "Income"),
            "tax_code": next(each["Id"] for each in codes if each["Name"] == "No VAT"),
        }

    def documents(self) -> Iterator[tuple[str, Decimal]]:
        for kind, sign in (("Invoice", 1), ("CreditMemo", -1)):
            for document in self.tell("documents", kind=kind, realm=self.realm):
                yield document["DocNumber"], sign * Decimal(document["TotalAmt"])


class Odoo(CalledVendor):
    slug = "odoo"
    kinds = ("account.move",)
    changes_posted = False

    def meet(self, books: Connection) -> None:
        """One server, one database."""

    def connect(self) -> Connection:
        self.tell("activate_currency", code="GBP", rate="0.8")
        books = Connection(name="Odoo", connector=self.slug, environment="simulator")
        books.settings = {
            "url": self.sandbox, "database": "books", "login": "admin", "settle_seconds": SETTLE_SECONDS,
        }  # fmt: skip
        save_connection(books, secrets={"api_key": self.tell("api_key")}, by=None)
        try_out(books, by=None)
        return books

    def answers(self) -> dict[str, str]:
        (income,) = self.tell("documents", model="account.account", domain=[["code", "=", "400000"]], only=["id"])
        (tax, *_) = self.tell("documents", model="account.tax", domain=[["type_tax_use", "=", "sale"]], only=["id"])
        nothing = {"name": "0%", "amount": 0}
        untaxed = self.tell("by_hand", model="account.tax", method="copy", args=[tax["id"], nothing])
        return {"income_account": str(income["id"]), "tax_code": str(untaxed)}

    def documents(self) -> Iterator[tuple[str, Decimal]]:
        for kind, sign in (("out_invoice", 1), ("out_refund", -1)):
            only = ["ref", "amount_total", "state"]
            for move in self.tell("documents", model="account.move", domain=[["move_type", "=", kind]], only=only):
                yield move["ref"], sign * Decimal(str(move["amount_total"]))


class QuickBooksDesktop(Vendor):
    """It comes to our door, so it takes part where there is one: under `manage.py serve`."""

    slug = "quickbooks_desktop"

    def meet(self, books: Connection) -> None:
        """One program, one company file."""

    def documents(self) -> Iterator[tuple[str, Decimal]]:
        for kind, sign in (("Invoice", 1), ("CreditMemo", -1)):
            for document in self.tell("documents", kind=kind, only=["RefNumber", "Subtotal"]):
                yield document["RefNumber"], sign * Decimal(document["Subtotal"])


CALLED: dict[str, type[CalledVendor]] = {vendor.slug: vendor for vendor in (QuickBooksOnline, Odoo)}
VENDORS: dict[str, type[Vendor]] = {**CALLED, QuickBooksDesktop.slug: QuickBooksDesktop}
