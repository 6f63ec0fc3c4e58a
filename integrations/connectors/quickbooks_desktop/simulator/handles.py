"""The simulated program with the handles that tests, the demo and the chaos campaign take hold of."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from . import documents, ledger, lists, settlement
from .app import NOT_ALLOWED, NOT_OPEN, UNEXPECTED, Program
from .grammar import Body
from .kinds import LISTS, TXNS
from .webconnector import Visit, WebConnector, over_http


class QuickBooksDesktop(Program):
    """QuickBooks Desktop. Handles mean the company file that is open."""

    slug = "quickbooks_desktop"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._ended: threading.Event | None = None
        self._visits: list[Visit] = []

    # looking

    def documents(self, kind: str, only: Sequence[str] = ()) -> list[Body]:
        """All list elements or documents of a kind with their lines and links, inactive ones included, deleted ones not."""
        found = []
        for row in self.company.rows(kind, "not gone order by created, rowid"):
            if kind in TXNS:
                body = documents.show(self.company, kind, row, lined=True, linked=True)
            else:
                body = lists.show(self.company, kind, row)
            found.append({name: body[name] for name in only if name in body} if only else body)
        return found

    def totals(self, kind: str) -> dict[str, Any]:
        """How many documents of a kind there are, and the sum of their totals by currency."""
        rows = self.company.rows(kind)
        sums: dict[str, Decimal] = {}
        for row in rows:
            code = self.company.currency_code(row.body["CurrencyRef"]["ListID"])
            whole = (
                settlement.used_of(self.company, row.id) if kind.startswith("BillPay") else settlement.total(row.body)
            )
            sums[code] = sums.get(code, Decimal()) + whole
        return {"count": len(rows), "sums": sums}

    def trial(self) -> dict[str, Any]:
        """The trial balance, added up afresh from what every document posted."""
        return ledger.trial(self.company)

    def id_of(self, kind: str, name: str) -> str:
        """The ListID of an element by its full name; raises LookupError."""
        found = self.company.named((kind,), name)
        if found is None:
            raise LookupError(f"there is no {kind} {name}")
        return found

    # what happens at the PC

    def change(self, kind: str, id: str, changes: Body) -> Body:
        """A user changes some members of a record by hand, whatever its edit sequence."""
        row = self.company.get(kind, id)
        if row is None:
            raise LookupError(f"there is no {kind} {id}")
        key = "ListID" if kind in LISTS else "TxnID"
        room: Any = lists if kind in LISTS else documents
        with self.store.transaction():
            self._did = []
            room.change(self.company, kind, {key: id, "EditSequence": str(row.version), **changes})
            self._journal("HAND", f"{kind}Mod", "", 200)
        return next(each for each in self.documents(kind) if each[key] == id)

    def close_quickbooks(self) -> None:
        """The program is closed and no file is named: no session can begin until it is opened again."""
        self.trouble_at_the_pc = NOT_OPEN

    def withdraw_access(self) -> None:
        """The administrator forbids the application to speak to this file."""
        self.trouble_at_the_pc = NOT_ALLOWED

    def open_quickbooks(self) -> None:
        """All is well again at the PC."""
        self.trouble_at_the_pc = None

    def set_preferences(self, **changes: Any) -> None:
        """Changes settings of the company file; see Settings for the words."""
        for name, value in changes.items():
            setattr(self.company.settings, name, value)
        self.company.keep_settings()

    def fail_hresult(
        self, hresult: str = UNEXPECTED[0], *, before_write: bool = True, times: int = 1, on: str = "any", skip: int = 0
    ) -> None:
        """The next calls give no document but this HRESULT, either untouched or after having been done all the same."""
        self.fail_next(int(hresult, 16), before_write=before_write, times=times, on=on, skip=skip)

    def cut_session(self, *, on: str = "any", skip: int = 0, before: bool = False, path: str = "") -> None:
        """The session breaks at one of the next calls: nobody ever hears the answer."""
        self.misbehave(what="drop", on=on, skip=skip, moment="before" if before else "after", path=path)

    # visits

    def visit(self, url: str, user: str, password: str, owner: str = "", file: str = "") -> dict[str, Any]:
        """The web connector visits an address once; what it heard, in plain values."""
        return asdict(WebConnector(self, over_http(url), user, password, owner=owner, file=file).visit())

    def start_visits(
        self, url: str, user: str, password: str, every: float = 5.0, owner: str = "", file: str = ""
    ) -> None:
        """A thread visits an address every so many seconds, until `stop_visits`."""
        self.stop_visits()
        ended = self._ended = threading.Event()
        connector = WebConnector(self, over_http(url), user, password, owner=owner, file=file)

        def go() -> None:
            while not ended.is_set():
                self._visits = [*self._visits[-19:], connector.visit()]
                ended.wait(float(every))  # not money: as JSON it came as a Decimal

        threading.Thread(target=go, daemon=True, name="web connector").start()

    def stop_visits(self) -> None:
        if self._ended is not None:
            self._ended.set()
            self._ended = None

    def visits(self) -> list[dict[str, Any]]:
        """The last visits of the thread."""
        return [asdict(each) for each in self._visits]

    def controls(self) -> dict[str, Any]:
        return super().controls() | {
            "process": lambda qbxml: asdict(self.process(qbxml)),
            "by_hand": self.by_hand,
            "documents": self.documents,
            "totals": self.totals,
            "trial": self.trial,
            "id_of": self.id_of,
            "change": self.change,
            "open_file": self.open_file,
            "close_quickbooks": self.close_quickbooks,
            "withdraw_access": self.withdraw_access,
            "open_quickbooks": self.open_quickbooks,
            "set_preferences": self.set_preferences,
            "fail_hresult": self.fail_hresult,
            "cut_session": self.cut_session,
            "visit": self.visit,
            "start_visits": self.start_visits,
            "stop_visits": self.stop_visits,
            "visits": self.visits,
        }
