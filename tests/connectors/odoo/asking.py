"""A small client of the simulated server, whose every answer is judged by the contract."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from werkzeug.test import Client

from integrations.connectors.odoo.simulator import Odoo
from integrations.simulation.clock import Clock

from . import contract


def fresh(folder: Path, *, at: str = "2026-11-20") -> Odoo:
    """A freshly made server in `folder`, whose time stands still at noon of a day; the seeding is done once a process."""
    state = folder / "odoo.sqlite3"
    state.write_bytes(_seeded())
    return Odoo(state=str(state), limits=0, clock=Clock(datetime.fromisoformat(f"{at}T12:00:00+00:00")))


@cache
def _seeded() -> bytes:
    with TemporaryDirectory() as folder:
        vendor = Odoo(state=f"{folder}/odoo.sqlite3", limits=0)
        vendor.store.run("pragma wal_checkpoint(truncate)")
        return Path(folder, "odoo.sqlite3").read_bytes()


class Fault(Exception):
    """The server's refusal: the name of the exception and its words."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.name, self.words = error["data"]["name"].rpartition(".")[2], error["data"]["message"]
        super().__init__(f"{self.name}: {self.words}")


class Caller:
    """Asks over JSON-RPC as one user; `ask(model, method, …)` answers the result or raises Fault."""

    def __init__(self, vendor: Odoo, login: str = "admin", secret: str = "admin") -> None:  # noqa: S107 a fresh database's own
        self.vendor, self.secret = vendor, secret
        self._client = Client(vendor)
        self.uid = self.call("common", "authenticate", vendor.database, login, secret, {})["result"]

    def call(self, service: str, method: str, *args: Any) -> dict[str, Any]:
        """The whole JSON-RPC answer."""
        body = {
            "jsonrpc": "2.0",
            "method": "call",
            "id": 7,
            "params": {"service": service, "method": method, "args": args},
        }
        answer = self._client.post("/jsonrpc", data=json.dumps(body, default=float), content_type="application/json")
        found: dict[str, Any] = json.loads(answer.get_data())
        assert not contract.envelope_problems(found)
        return found

    def ask(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        answer = self.call(
            "object", "execute_kw", self.vendor.database, self.uid, self.secret, model, method, list(args), kwargs
        )
        if "error" in answer:
            raise Fault(answer["error"])
        if contract.SPECS.is_dir() and self.vendor.version == 17:
            problems = contract.answer_problems(model, method, answer.get("result"))
            assert not problems, problems
        return answer.get("result")

    def refused(self, model: str, method: str, *args: Any, **kwargs: Any) -> str:
        """The name of the exception that a call is refused with."""
        try:
            result = self.ask(model, method, *args, **kwargs)
        except Fault as fault:
            return fault.name
        raise AssertionError(f"{model}.{method} was not refused: {result!r}")

    def read(self, model: str, id: int, *fields: str) -> Any:
        """One record; with one field only its value."""
        row = self.ask(model, "read", [id], list(fields))[0]
        return row[fields[0]] if len(fields) == 1 else row

    # things that most tests need

    def partner(self, name: str = "Ada Ltd", **fields: Any) -> int:
        return int(self.ask("res.partner", "create", {"name": name, "is_company": True, **fields}))

    def product(self, name: str = "Widget", **fields: Any) -> int:
        return int(self.ask("product.product", "create", {"name": name, **fields}))

    def account(self, code: str) -> int:
        return int(self.ask("account.account", "search", [["code", "=", code]])[0])

    def currency(self, code: str) -> int:
        return int(self.ask("res.currency", "search", [["name", "=", code]], context={"active_test": False})[0])

    def move(self, kind: str = "out_invoice", *, lines: Sequence[dict[str, Any]] = (), **fields: Any) -> int:
        """A draft; without lines it has one of 100.00 and 15 % tax."""
        body = [[0, 0, line] for line in lines or [{"name": "Work", "price_unit": 100.0}]]
        head = {"move_type": kind, "invoice_date": "2026-11-03", **fields}
        if "partner_id" not in head:
            head["partner_id"] = self.partner()
        return int(self.ask("account.move", "create", {**head, "invoice_line_ids": body}))

    def posted(self, kind: str = "out_invoice", **fields: Any) -> int:
        id = self.move(kind, **fields)
        assert self.ask("account.move", "action_post", [id]) is False
        return id

    def pay(self, moves: Sequence[int], **fields: Any) -> dict[str, Any]:
        """Pays with the wizard; answers the action."""
        context = {"active_model": "account.move", "active_ids": list(moves)}
        wizard = self.ask("account.payment.register", "create", fields, context=context)
        return dict(self.ask("account.payment.register", "action_create_payments", [wizard]))
