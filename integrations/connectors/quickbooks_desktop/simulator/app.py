"""QuickBooks Desktop on its PC: one program, one company file open at a time, spoken to in qbXML."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from werkzeug.wrappers import Request, Response

from integrations.simulation.clock import Clock
from integrations.simulation.journal import Deed
from integrations.simulation.misbehaviour import Trouble
from integrations.simulation.simulator import ConnectionCut, Simulator

from . import company as companies
from . import custom, desk, ledger, settlement
from .company import Company, Settings
from .desk import Desk
from .grammar import MessageSet, Unparsable, message_sets
from .seed import seed

NOT_PARSED = ("0x80040400", "QuickBooks found an error when parsing the provided XML text stream.")
NOT_REACHED = ("0x80040401", "Could not access QuickBooks.")
UNEXPECTED = ("0x80040402", "Unexpected error. Check the log for possible additional information.")
NOT_OPEN = (
    "0x80040416",
    "If the QuickBooks company data file is not open, a call must include the name of the data file.",
)
NOT_ALLOWED = ("0x80040420", "The QuickBooks user has denied access.")
_FAILURES = {failure[0]: failure for failure in (NOT_PARSED, NOT_REACHED, UNEXPECTED, NOT_OPEN, NOT_ALLOWED)}
# Files that can be opened: path -> (name, home currency, country, time zone, percent of the sales tax item)
MAIN, OTHER = r"C:\Books\larkspur.qbw", r"C:\Books\other.qbw"


@dataclass(frozen=True, slots=True)
class Processed:
    """What a call of QuickBooks gives: an answer document, or no document but an HRESULT and its words."""

    response: str
    hresult: str = ""
    message: str = ""


class Program(Simulator):
    """The program and its files. It has no network interface: whoever speaks to it sits on the same PC."""

    def __init__(
        self,
        *,
        state: str = ":memory:",
        clock: Clock | None = None,
        limits: float = 1.0,
        currency: str = "USD",
        multicurrency: bool = True,
        edition: str = "Premier",
        sales_tax: str = "8.25",
    ) -> None:
        """A file that is there already stays as it is; else one is made with this home `currency` and `sales_tax` percent."""
        super().__init__(state=state, clock=clock, limits=limits)
        for schema in (companies.SCHEMA, ledger.SCHEMA, settlement.SCHEMA, custom.SCHEMA, desk.SCHEMA):
            self.store.run_script(schema)
        self.sales_tax = sales_tax
        self.trouble_at_the_pc: tuple[str, str] | None = None  # why no session can begin: an HRESULT and its words
        abroad = currency == "GBP"
        wanted = Settings(
            name="Larkspur Trading Co.", currency=currency, multicurrency=multicurrency, edition=edition,
            country="GB" if abroad else "US", zone="Europe/London" if abroad else "America/Chicago",
        )  # fmt: skip
        self.file = str(self.store.setting("open file", MAIN))
        self.desk = self._open(self.file, wanted)

    @property
    def company(self) -> Company:
        """The company file that is open."""
        return self.desk.company

    def open_file(self, path: str = OTHER, **made_with: Any) -> None:
        """Somebody closes the company file and opens another one, which is made if need be, with these settings."""
        usual: dict[str, Any] = {"name": "Marlow Studio LLC", "edition": self.company.settings.edition}
        settings = Settings(**usual | made_with)
        self.file = path
        self.store.set("open file", path)
        self.desk = self._open(path, settings)

    def _open(self, path: str, settings: Settings) -> Desk:
        with self.store.transaction():
            is_new = self.store.setting(f"company {path}") is None
            if is_new:
                self.store.set(f"company {path}", asdict(settings))
            company = Company(self.store, self.clock, path, self.did)
            if is_new:
                seed(company, self.sales_tax)
        self._did = []  # what a file is born with is no entry in the journal
        return Desk(company, lambda: self._did)

    # sessions

    def begin_session(self) -> Processed | None:
        """A session with the open file; the HRESULT where there can be none."""
        self.desk.iterators.clear()
        return Processed("", *self.trouble_at_the_pc) if self.trouble_at_the_pc else None

    def end_session(self) -> None:
        """All iterators die."""
        self.desk.iterators.clear()

    def process(self, qbxml: str) -> Processed:
        """What QuickBooks answers to a document; raises ConnectionCut where the session breaks instead."""
        try:
            sets = message_sets(qbxml)
        except Unparsable as reason:
            self._journal("QBXML", "unparsable", qbxml, 400, str(reason))
            return Processed("", *NOT_PARSED)
        path = ",".join(asked.name for each in sets for asked in each.requests) or "recovery"
        writes = any(desk.writes(asked) for each in sets for asked in each.requests)
        trouble = self.misbehaviour.due(path=path, writes=writes, moment="before")
        if trouble is not None and not self._slow(trouble):
            self._journal("QBXML", path, qbxml, 0 if trouble.what == "drop" else 500)
            return self._spoiled(trouble, "")
        if self.trouble_at_the_pc:
            return Processed("", *self.trouble_at_the_pc)
        with self.store.transaction():
            response, number, did = self._answer("QBXML", path, qbxml, sets)
        trouble = self.misbehaviour.due(path=path, writes=writes, moment="after") if did or not writes else None
        if trouble is not None and not self._slow(trouble):
            self.journal.answered_with(number, 0 if trouble.what == "drop" else 500)
            return self._spoiled(trouble, response)
        return Processed(response)

    def by_hand(self, qbxml: str) -> str:
        """What a user does at the PC, behind the back of whoever else speaks to QuickBooks."""
        with self.store.transaction():
            return self._answer("HAND", "by hand", qbxml, message_sets(qbxml))[0]

    def _answer(self, method: str, path: str, qbxml: str, sets: list[MessageSet]) -> tuple[str, int, bool]:
        self._did = []
        response = self.desk.answer(sets)
        return response, self._journal(method, path, qbxml, 200), bool(self._did)

    def _journal(self, method: str, path: str, qbxml: str, status: int, query: str = "") -> int:
        did: list[Deed] = self._did if status == 200 else []
        return self.journal.note(
            at=self.clock.now(), method=method, path=path, query=query, body=qbxml, status=status, did=did
        )

    def _slow(self, trouble: Trouble) -> bool:
        if trouble.what == "slow":
            time.sleep(trouble.seconds)
        return trouble.what == "slow"

    def _spoiled(self, trouble: Trouble, response: str) -> Processed:
        if trouble.what == "drop":
            self.end_session()
            raise ConnectionCut("the session was cut")
        if trouble.what == "truncate":
            return Processed(response[: len(response) // 2])
        hresult = f"0x{trouble.status:08X}" if trouble.status > 0xFFFF else UNEXPECTED[0]
        return Processed("", *_FAILURES.get(hresult, (hresult, UNEXPECTED[1])))

    # what the base asks; over HTTP there is only a page that says what this is

    def means_to_write(self, request: Request) -> bool:
        return False

    def failure(self, status: int) -> Response:
        return Response("QuickBooks Desktop cannot be called from outside.", status, mimetype="text/plain")

    def handle(self, request: Request) -> Response:
        settings = self.company.settings
        page = (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(settings.name)}</title>'
            f"<h1>{escape(settings.name)}</h1><p>QuickBooks {escape(settings.edition)}, {escape(settings.currency)},"
            f" file {escape(self.file)}. It cannot be called from outside: its web connector visits an address that"
            " you name to the control <code>start_visits</code>.</p>"
        )
        return Response(page, 200 if request.path == "/" else 404, mimetype="text/html")
