"""The simulated vendor with the handles that tests and the chaos campaign take hold of."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import requests

from . import ledger, webhooks
from .app import Vendor
from .books import Books
from .company import Body
from .entities import ENTITIES


class QuickBooksOnline(Vendor):
    """QuickBooks Online. Without a realm every handle means the first company."""

    slug = "quickbooks_online"

    def documents(self, kind: str, realm: str | None = None, only: Sequence[str] = ()) -> list[Body]:
        """All documents of a kind, inactive ones included, deleted ones not, as the API would show them, or `only` some members."""
        company, entity = self.company(realm), ENTITIES[kind]
        rows = self.store.rows(company.realm, kind, "not gone order by cast(id as integer), id")
        found = [company.show(entity, row) for row in rows]
        return [{name: body[name] for name in only if name in body} for body in found] if only else found

    def totals(self, kind: str, realm: str | None = None) -> dict[str, Any]:
        """How many transactions of a kind there are, and the sum of their totals by currency."""
        found = self.documents(kind, realm)
        sums: dict[str, Decimal] = {}
        for body in found:
            code = body.get("CurrencyRef", {}).get("value", "")
            sums[code] = sums.get(code, Decimal()) + Decimal(
                body["TotalAmt"] if "TotalAmt" in body else body.get("Amount", 0)
            )
        return {"count": len(found), "sums": sums}

    def trial(self, realm: str | None = None) -> dict[str, Any]:
        """The trial balance of the company, added up afresh from what every document posted."""
        return ledger.trial(self.company(realm))

    def connect(self, realm: str | None = None, client: str = "client", secret: str = "sandbox") -> dict[str, Any]:  # noqa: S107 no real secret opens anything here
        """The token answer of a consent, without a browser."""
        return self.oauth.connect(self.company(realm).realm, client, secret)

    def by_hand(
        self, kind: str, body: Body, *, operation: str = "", include: str = "", realm: str | None = None
    ) -> Body:
        """Does what a user does in the web application, behind the API client's back; raises Fault as the API would."""
        with self.store.transaction():
            self._did = []
            company = self.company(realm)
            answer = Books(company, self.did).write(ENTITIES[kind], body, operation=operation, include=include)
            path = f"/app/{company.realm}/{kind.lower()}"
            self.journal.note(
                at=self.clock.now(), method="HAND", path=path, query="", body=None, status=200, did=self._did
            )
            return answer

    def change(self, kind: str, id: str, fields: Body, realm: str | None = None) -> Body:
        """Changes some properties of a document by hand, whatever its version."""
        row = self.company(realm).row(ENTITIES[kind], id)
        return self.by_hand(kind, {"Id": id, "SyncToken": str(row.version), "sparse": True, **fields}, realm=realm)

    def set_preferences(self, realm: str | None = None, **changes: Any) -> None:
        """Changes settings of a company; see Settings for the words."""
        company = self.company(realm)
        for name, value in changes.items():
            setattr(company.settings, name, value)
        company.keep_settings()

    def expire_tokens(self, refresh: bool = False) -> None:
        """Every access token has had its hour; with `refresh` every refresh token its hundred days."""
        self.oauth.expire(refresh=refresh)

    def revoke_consent(self, realm: str | None = None) -> None:
        """The user disconnects the app, in one company or all."""
        self.oauth.end_consent(realm=realm)

    def forget_request_ids(self) -> None:
        """The protection by `requestid` fails, as reports say it can."""
        self.store.run("delete from answered")

    def notice(self, verifier: str, *, since: int = 0, form: webhooks.Form = "events") -> webhooks.Notice | None:
        """The webhook for everything that changed after journal entry `since`; None if nothing did."""
        return webhooks.notice(self.journal, verifier, since=since, form=form)

    def notify(self, url: str, verifier: str, since: int = 0, form: webhooks.Form = "events") -> int:
        """Posts that webhook to an address and returns the status it answers with; 0 where there was nothing to tell."""
        found = self.notice(verifier, since=since, form=form)
        return requests.post(url, found.body, headers=found.headers, timeout=10).status_code if found else 0

    def controls(self) -> dict[str, Any]:
        return super().controls() | {
            "companies": lambda: self.companies,
            "documents": self.documents,
            "totals": self.totals,
            "trial": self.trial,
            "connect": self.connect,
            "by_hand": self.by_hand,
            "change": self.change,
            "set_preferences": self.set_preferences,
            "expire_tokens": self.expire_tokens,
            "revoke_consent": self.revoke_consent,
            "forget_request_ids": self.forget_request_ids,
            "notify": self.notify,
            "auto_consent": lambda realm: setattr(self, "auto_consent", realm),
        }
