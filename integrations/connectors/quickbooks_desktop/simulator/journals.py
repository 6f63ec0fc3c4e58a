"""Journal entries: debits and credits that add up to nothing."""

from __future__ import annotations

from decimal import Decimal

from .company import Company
from .figures import ZERO
from .grammar import Body
from .ledger import Posting
from .lines import line_amount
from .statuses import missing, not_allowed

_OPEN_ITEMS = {"AccountsReceivable": "Customer", "AccountsPayable": "Vendor"}


def complete(company: Company, kind: str, body: Body) -> None:
    """Checks the lines; raises 3150 for an account or a name that is missing, 3210 where the sides differ."""
    balance, debits = ZERO, ZERO
    for line in body["JournalDebitLine"]:
        if "AccountRef" not in line:
            raise missing("AccountRef", kind)
        line.setdefault("Amount", "0.00")
        account = company.the("Account", line["AccountRef"]["ListID"])
        whose = _OPEN_ITEMS.get(account.body["AccountType"])
        if whose and company.kind_of(line.get("EntityRef", {}).get("ListID", "")) != whose:
            raise missing("EntityRef", kind)
        balance += _signed(line)
        debits += max(_signed(line), ZERO)
    if balance:
        words = (
            "Transaction is not in balance. Make sure the amounts on the left side equal the amounts on the right side."
        )
        raise not_allowed("Amount", balance, words)
    body.setdefault("IsAdjustment", "false")
    body["_total"] = str(debits)


def postings(company: Company, kind: str, id: str, body: Body) -> list[Posting]:
    found = []
    for line in body["JournalDebitLine"]:
        account = company.get("Account", line["AccountRef"]["ListID"])
        is_open_item = account is not None and account.body["AccountType"] in _OPEN_ITEMS
        party = line["EntityRef"]["ListID"] if is_open_item else ""
        found.append(Posting(line["AccountRef"]["ListID"], _signed(line), party))
    return found


def _signed(line: Body) -> Decimal:
    return line_amount(line) if line["#"] == "JournalDebitLine" else -line_amount(line)
