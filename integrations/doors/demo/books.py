"""The books that the demo can keep: how a person connects each simulated vendor, and what he answers when flows are set up."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import msgspec
import requests
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from integrations.connections import authorise
from integrations.connections.callers import caller_of, new_password
from integrations.connections.models import Connection
from integrations.connections.services import save_connection
from integrations.connections.services import test as try_out
from integrations.connections.site import SIMULATOR
from integrations.doors.demo.companies import COMPANIES, Company
from integrations.simulation.sandbox import CONTROL
from integrations.wire.errors import TryLater
from tenants.access.models import User

COMES_EVERY, COMES_WITHIN = 1.0, 30.0  # seconds between visits of who comes to us, and until the first has ended


class Books(ABC):
    """One vendor's books in the sandbox. Inside the company's scope."""

    slug: ClassVar[str]
    name: ClassVar[str]
    companies: ClassVar[Sequence[Company]] = COMPANIES[:1]

    @abstractmethod
    def connect(self, company: Company, owner: User) -> Connection:
        """A connection to the company's books there; the one that stands already where there is one."""

    @abstractmethod
    def answers(self, company: Company, connection: Connection) -> dict[str, str]:
        """What a person would choose from lists: the account for sales, and the tax that adds nothing."""

    @property
    def template(self) -> str:
        """The shipped flows that bring the demo's sales there."""
        return f"online_retail_to_{self.slug}"

    def tell(self, control: str, **arguments: Any) -> Any:
        """Ask the simulated vendor something that no real one answers."""
        address = f"{settings.SANDBOX_URL}/{self.slug}/{CONTROL}/{control}"
        answer = requests.post(address, data=msgspec.json.encode(arguments), timeout=30)
        answer.raise_for_status()
        return answer.json()["result"]

    def writes(self) -> int:
        """How many calls have changed the books so far, as the vendor counts them."""
        return int(self.tell("status")["counts"]["writes"])

    def _connection(
        self, owner: User, options: Mapping[str, Any], *, secrets: Mapping[str, str] | None = None
    ) -> Connection:
        with transaction.atomic():
            standing = Connection.objects.filter(name=self.name).first()
        if standing is not None:
            return standing
        made = Connection(name=self.name, connector=self.slug, environment=SIMULATOR, settings=dict(options))
        return save_connection(made, secrets=secrets or {}, by=owner)


class QuickBooksOnline(Books):
    slug, name = "quickbooks_online", "QuickBooks"
    companies = COMPANIES  # one simulated vendor, books for everybody

    def connect(self, company: Company, owner: User) -> Connection:
        connection = self._connection(owner, {})
        if connection.state != Connection.State.CONNECTED:
            realm = next(realm for realm, name in self.tell("companies").items() if name == company.name)
            self._consent(connection, realm, owner)
            try_out(connection, by=owner)
        return connection

    def answers(self, company: Company, connection: Connection) -> dict[str, str]:
        realm = connection.settings["realmId"]
        accounts, codes = (self.tell("documents", kind=kind, realm=realm) for kind in ("Account", "TaxCode"))
        income = next(account["Id"] for account in accounts if account["AccountType"] == "Income")
        untaxed = next(code["Id"] for code in codes if company.tax_code in code["Name"])
        return {"income_account": income, "tax_code": untaxed}

    def _consent(self, connection: Connection, realm: str, owner: User) -> None:
        """What a person's browser does: go to the vendor, choose the company and agree, come back."""
        with transaction.atomic():
            address, kept = authorise.begin(connection, redirect_uri=f"{settings.PUBLIC_URL}/connections/callback")
        self.tell("auto_consent", realm=realm)
        answer = requests.get(address, allow_redirects=False, timeout=30)
        self.tell("auto_consent", realm=None)
        authorise.complete(connection, dict(parse_qsl(urlsplit(answer.headers["Location"]).query)), kept, by=owner)


class Odoo(Books):
    slug, name = "odoo", "Odoo"

    def connect(self, company: Company, owner: User) -> Connection:
        place = {"url": settings.SANDBOX_URL, "database": "books", "login": "admin"}
        connection = self._connection(owner, place, secrets={"api_key": self.tell("api_key")})
        if connection.state != Connection.State.CONNECTED:
            # A fresh server knows dollars only, and a sales tax that the demo's prices do not hold.
            self.tell("activate_currency", code=company.currency, rate="0.8")
            self.tell("by_hand", model="account.tax", method="copy", args=[self._sales_tax(), UNTAXED])
            try_out(connection, by=owner)
        return connection

    def answers(self, company: Company, connection: Connection) -> dict[str, str]:
        return {
            "income_account": self._one("account.account", ["code", "=", "400000"]),
            "tax_code": self._one("account.tax", ["name", "=", "0%"]),
        }

    def _sales_tax(self) -> int:
        return int(self._one("account.tax", ["type_tax_use", "=", "sale"]))

    def _one(self, model: str, condition: list[str]) -> str:
        return str(self.tell("documents", model=model, domain=[condition], only=["id"])[0]["id"])


class QuickBooksDesktop(Books):
    """It cannot be called: a Web Connector on its PC comes to our door, as long as the demo lasts."""

    slug, name = "quickbooks_desktop", "QuickBooks Desktop"

    def connect(self, company: Company, owner: User) -> Connection:
        connection = self._connection(owner, {})
        # The company file of a British firm; it is made when it is opened for the first time.
        made_with = {"name": company.name, "currency": company.currency, "country": "GB", "zone": company.zone}
        self.tell("open_file", path=rf"C:\Books\{company.slug}.qbw", **made_with)
        self._come(connection, owner)
        give_up = time.monotonic() + COMES_WITHIN
        while connection.state != Connection.State.CONNECTED and time.monotonic() < give_up:
            with suppress(TryLater):
                try_out(connection, by=owner)
            time.sleep(COMES_EVERY / 4)
        return connection

    def answers(self, company: Company, connection: Connection) -> dict[str, str]:
        untaxed = self.tell("id_of", kind="SalesTaxCode", name="Non")
        return {"income_account": self.tell("id_of", kind="Account", name="Sales"), "tax_code": f"code:{untaxed}"}

    def _come(self, connection: Connection, owner: User) -> None:
        """What a person does at the PC: add the connection's file to the Web Connector, and type the password."""
        password = new_password(connection, by=owner)
        with transaction.atomic():
            user = caller_of(connection).user
        address = settings.PUBLIC_URL + reverse("polled", args=(self.slug,))
        self.tell("start_visits", url=address, user=user, password=password, every=COMES_EVERY)


UNTAXED = {"name": "0%", "amount": 0}

BOOKS: dict[str, Books] = {books.slug: books for books in (QuickBooksOnline(), Odoo(), QuickBooksDesktop())}
"""Every vendor that the demo can keep books at."""
