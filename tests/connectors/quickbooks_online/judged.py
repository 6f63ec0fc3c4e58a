"""A simulator whose every answer is judged by the vendor's contract, and a small client to speak to it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from werkzeug.test import Client
from werkzeug.wrappers import Request

from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.simulation.store import from_json, to_json

from . import contract

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Judged:
    """Passes every call on to the simulator and every answer of the API to the contract; raises what is wrong with it."""

    def __init__(self, simulator: QuickBooksOnline) -> None:
        self.simulator = simulator
        self.problems: list[str] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        heard: list[str] = []

        def listen(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            heard.append(status)
            return start_response(status, headers, *more)

        body = b"".join(self.simulator(environ, listen))
        path = Request(environ).path
        if "/v3/company/" in path and contract.SPECS.is_dir() and _is_json(body):
            found = contract.answer_problems(int(heard[0].split()[0]), json.loads(body))
            self.problems += [f"{environ['REQUEST_METHOD']} {path}: {problem}" for problem in found]
        return [body]


class Caller:
    """A client of one company that asks for nothing but answers."""

    def __init__(self, vendor: QuickBooksOnline, realm: str | None = None) -> None:
        self.vendor = vendor
        self.realm = realm or next(iter(vendor.companies))
        self.judged = Judged(vendor)
        self._client = Client(self.judged)
        self.token = vendor.connect(self.realm)["access_token"]

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of one call below the company's address; the contract must have nothing against the answer."""
        data = None if body is None else body if isinstance(body, str) else to_json(body)
        kind = "application/text" if isinstance(body, str) else "application/json"
        answer = self._client.open(
            f"/v3/company/{self.realm}/{path}",
            method=method,
            data=data,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Accept": "application/json",
                "Content-Type": kind,
                **headers,
            },
        )
        assert not self.judged.problems, self.judged.problems
        return answer.status_code, from_json(
            answer.get_data()
        ) if answer.mimetype == "application/json" else answer.get_data()

    def make(self, entity: str, **body: Any) -> dict[str, Any]:
        """Creates or changes an entity, and shows it."""
        status, answer = self.ask("POST", entity.lower(), body)
        assert status == 200, answer
        return answer[entity]

    def refused(self, entity: str, path: str = "", **body: Any) -> str:
        """The code of the Fault that a write is refused with."""
        status, answer = self.ask("POST", path or entity.lower(), body)
        assert status == 400, answer
        return answer["Fault"]["Error"][0]["code"]

    def get(self, entity: str, id: str) -> dict[str, Any]:
        status, answer = self.ask("GET", f"{entity.lower()}/{id}")
        assert status == 200, answer
        return answer[entity]

    def query(self, text: str) -> dict[str, Any]:
        status, answer = self.ask("POST", "query", text)
        assert status == 200, answer
        return answer["QueryResponse"]

    def query_fault(self, text: str) -> str:
        status, answer = self.ask("POST", "query", text)
        assert status == 400, answer
        return answer["Fault"]["Error"][0]["code"]

    def account(self, role: str) -> dict[str, str]:
        """The reference to one of the company's own accounts."""
        return {"value": self.vendor.company(self.realm).settings.accounts[role]}

    def tax_code(self, name: str) -> dict[str, str]:
        return {"value": self.query(f"select * from TaxCode where Name = '{name}'")["TaxCode"][0]["Id"]}


def item_line(amount: str, item: str = "1", description: str | None = None, **detail: Any) -> dict[str, Any]:
    """A sales line."""
    line = {
        "Amount": Decimal(amount),
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": item}, **detail},
    }
    return line | ({"Description": description} if description else {})


def expense_line(amount: str, account: dict[str, str], **detail: Any) -> dict[str, Any]:
    """A line of a bill."""
    inner = {"AccountRef": account, **detail}
    return {
        "Amount": Decimal(amount),
        "DetailType": "AccountBasedExpenseLineDetail",
        "AccountBasedExpenseLineDetail": inner,
    }


def paying(amount: str, kind: str, id: str) -> dict[str, Any]:
    """A line of a payment."""
    return {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": id, "TxnType": kind}]}


def _is_json(body: bytes) -> bool:
    return body.startswith(b"{")
