"""The simulated server with the handles that tests and the chaos campaign take hold of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

import requests

from integrations.simulation.store import from_json

from . import methods, rules
from .app import Server
from .fields import Values
from .orm import Env
from .seed import add_company


class Odoo(Server):
    """Odoo, with one company at first. Where a handle takes no company it means all of them."""

    slug = "odoo"

    def documents(self, model: str, domain: Sequence[Any] = (), only: Sequence[str] = ()) -> list[Values]:
        """All records of a model, archived ones included, as `read` answers them, or `only` some fields."""
        env = self.env(context={"active_test": False})
        return env.read(model, env.search(model, list(domain), order="id"), only)

    def totals(self, move_type: str, company: int | None = None) -> dict[str, Any]:
        """How many posted moves of a type there are, and the sums of their totals by currency."""
        rows = self.store.run(
            "select c.name, count(*), sum(m.amount_total) from account_move m join res_currency c on c.id = m.currency_id"
            " where m.state = 'posted' and m.move_type = ? and m.company_id = coalesce(?, m.company_id) group by c.name",
            move_type, company,
        )  # fmt: skip
        return {"count": sum(row[1] for row in rows), "sums": {row[0]: Decimal(row[2]) / 10**8 for row in rows}}

    def trial(self, company: int | None = None) -> dict[str, Any]:
        """The trial balance, added up afresh from every posted line: accounts by code and name, debits positive, and the sum, which is 0."""
        rows = self.store.run(
            "select a.code || ' ' || a.name, sum(l.balance) from account_move_line l join account_move m on m.id = l.move_id"
            " join account_account a on a.id = l.account_id"
            " where m.state = 'posted' and m.company_id = coalesce(?, m.company_id) group by a.code, a.name order by a.code",
            company,
        )  # fmt: skip
        accounts = {name: Decimal(amount) / 10**8 for name, amount in rows}
        return {"accounts": accounts, "sum": sum(accounts.values(), Decimal())}

    def asked(self, model: str = "", method: str = "", since: int = 0) -> list[dict[str, Any]]:
        """The calls on records, in order and without secrets: number, model, method, args, kwargs."""
        rows = self.store.run(
            "select number, model, method, args, kwargs from asked where number > ? and model like ? and method like ? order by number",
            since, model or "%", method or "%",
        )  # fmt: skip
        return [
            {
                "number": row[0],
                "model": row[1],
                "method": row[2],
                "args": from_json(row[3]),
                "kwargs": from_json(row[4]),
            }
            for row in rows
        ]

    def by_hand(
        self, model: str, method: str, *args: Any, company: int = 1, context: Values | None = None, **kwargs: Any
    ) -> Any:
        """Does what a user does in the web client, behind the API client's back; raises Fault as the API would."""
        return self._by_hand(
            f"/web/dataset/call_kw/{model}/{method}",
            lambda env: methods.call(env, model, method, args, kwargs),
            company,
            context,
        )

    def change(self, model: str, id: int, fields: Values) -> None:
        """Changes some fields of a record by hand."""
        self.by_hand(model, "write", [id], fields)

    def add_company(self, name: str, currency: str = "EUR", country: str = "DE") -> int:
        """Another company with a chart of its own, that the administrator may work in."""

        def make(env: Env) -> int:
            company = add_company(env, name, currency, country)
            for user in env.select("res.users", "active"):
                env.update("res.users", [user["id"]], {"company_ids": [*user["company_ids"], company]})
            return company

        return int(self._by_hand("/web#company", make))

    def add_user(
        self,
        login: str,
        password: str,
        *,
        billing: bool = True,
        access_rights: bool = False,
        companies: Sequence[int] = (1,),
    ) -> int:
        """A user with or without the rights to post and to see external ids, in some companies; the first is the default one."""

        def make(env: Env) -> int:
            return env.insert("res.users", {
                "name": login, "login": login, "active": True, "company_id": companies[0], "company_ids": list(companies),
                "groups_id": [*([2] if billing else []), *([3] if access_rights else [])]})  # fmt: skip

        user = int(self._by_hand("/web#user", make))
        self.set_password(login, password)
        return user

    def activate_currency(self, code: str, rate: str | None = None, day: str = "2000-01-01") -> None:
        """Switches a currency on; `rate` is how many of it one unit of the company's currency is worth from `day` on."""

        def switch(env: Env) -> None:
            currency = env.select("res.currency", "name = ?", code)[0]["id"]
            env.write("res.currency", [currency], {"active": True})
            if rate is not None:
                env.create("res.currency.rate", {"currency_id": currency, "name": day, "rate": rate})

        self._by_hand("/web#currency", switch)

    def lock(self, until: str | None, *, kind: str = "fiscalyear_lock_date", company: int = 1) -> None:
        """Closes the books up to a day, that day included; None opens them."""
        self.change("res.company", company, {kind: until or False})

    def expire_tokens(self) -> None:
        """Every session is over; passwords and keys stay good."""
        self.store.run("delete from session")

    def posts(self, since: int = 0) -> list[bytes]:
        """What automation rules post for everything that was made or changed after journal entry `since`."""
        return list(rules.posts(self.journal, since=since))

    def notify(self, url: str, since: int = 0) -> int:
        """Posts that to an address, each once and whatever is answered, and returns how many there were."""
        for body in (found := self.posts(since)):
            with suppress(requests.RequestException):  # the server ignores errors
                requests.post(url, body, headers={"Content-Type": "application/json"}, timeout=1)
        return len(found)

    def controls(self) -> dict[str, Any]:
        return super().controls() | {
            "notify": self.notify,
            "documents": self.documents,
            "totals": self.totals,
            "trial": self.trial,
            "asked": self.asked,
            "by_hand": lambda model, method, args=(), kwargs=None: self.by_hand(model, method, *args, **(kwargs or {})),
            "change": self.change,
            "add_company": self.add_company,
            "add_user": self.add_user,
            "activate_currency": self.activate_currency,
            "lock": self.lock,
            "set_version": self.set_version,
            "set_password": self.set_password,
            "api_key": self.api_key,
            "revoke_consent": self.revoke_consent,
            "expire_tokens": self.expire_tokens,
        }

    def _by_hand(self, path: str, act: Callable[[Env], Any], company: int = 1, context: Values | None = None) -> Any:
        with self.store.transaction():
            self._did = []
            env = self.env(companies=(company,), context=context)
            result = act(env)
            for (kind, id), operation in env.deeds.items():
                self.did(operation, kind, str(id))
            self.journal.note(
                at=self.clock.now(), method="HAND", path=path, query="", body=None, status=200, did=self._did
            )
            return result
