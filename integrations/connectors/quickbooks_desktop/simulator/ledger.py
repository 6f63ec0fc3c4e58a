"""The books behind the documents: what each one posts, and what everybody owes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .company import Company
from .figures import ZERO, cents
from .grammar import Body

SCHEMA = """
create table if not exists posting (
    space text not null, id text not null, day text not null, account text not null, party text not null,
    home integer not null, own integer not null
);
create index if not exists posting_txn on posting (space, id);
create index if not exists posting_account on posting (space, account);
create index if not exists posting_party on posting (space, party);
create table if not exists stock (space text not null, id text not null, item text not null, quantity text not null);
create index if not exists stock_item on stock (space, item);
"""  # amounts in cents, debits positive: in the home currency and in the document's own

CREDIT_KINDS = (
    "AccountsPayable", "CreditCard", "OtherCurrentLiability", "LongTermLiability", "Equity", "Income", "OtherIncome",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Posting:
    """One amount on one account in the document's currency, debits positive; `party` only on receivables and payables."""

    account: str
    amount: Decimal
    party: str = ""


def post(company: Company, id: str, body: Body, postings: Sequence[Posting]) -> None:
    """What a document posts that has nothing posted yet. The last posting takes what rounding in the home currency leaves."""
    rate, rest = Decimal(body.get("ExchangeRate") or 1), ZERO
    for place, each in enumerate(postings):
        home = -rest if place == len(postings) - 1 else cents(each.amount * rate)
        rest += home
        if home or each.amount:
            company.store.run(
                "insert into posting values (?,?,?,?,?,?,?)",
                company.space, id, body["TxnDate"], each.account, each.party, int(home * 100), int(cents(each.amount) * 100),
            )  # fmt: skip


def unpost(company: Company, id: str) -> None:
    company.store.run("delete from posting where space = ? and id = ?", company.space, id)
    company.store.run("delete from stock where space = ? and id = ?", company.space, id)


def move_stock(company: Company, id: str, item: str, quantity: Decimal) -> None:
    company.store.run("insert into stock values (?,?,?,?)", company.space, id, item, str(quantity))


def on_hand(company: Company, item: str) -> Decimal:
    rows = company.store.run("select quantity from stock where space = ? and item = ?", company.space, item)
    return sum((Decimal(quantity) for (quantity,) in rows), Decimal())


def is_posted(company: Company, account: str) -> bool:
    sql = "select 1 from posting where space = ? and account = ? limit 1"
    return bool(company.store.run(sql, company.space, account))


def owed(company: Company, parties: Iterable[str]) -> Decimal:
    """What these customers owe us in their currency (vendors: the negative of what we owe them)."""
    return _sum(company, "own", "party", parties)


def balance(company: Company, accounts: Sequence[str], *, kind: str) -> Decimal:
    """The balance of accounts of a kind, positive on the side where such accounts usually stand."""
    first = company.get("Account", accounts[0])
    foreign = first is not None and first.body.get("CurrencyRef", {}).get("ListID", company.home) != company.home
    found = _sum(company, "own" if foreign else "home", "account", accounts)
    return -found if kind in CREDIT_KINDS else found


def trial(company: Company) -> dict[str, Any]:
    """The trial balance added up afresh: accounts by name, debits positive in the home currency, and the sum, which is 0."""
    rows = company.store.run(
        "select account, sum(home) from posting where space = ? group by account order by account", company.space
    )
    accounts = {company.name(account): Decimal(amount) / 100 for account, amount in rows}
    return {"accounts": accounts, "sum": sum(accounts.values(), Decimal())}


def _sum(company: Company, column: str, by: str, ids: Iterable[str]) -> Decimal:
    total = 0
    for id in ids:
        sql = f"select coalesce(sum({column}), 0) from posting where space = ? and {by} = ?"  # noqa: S608 our own names
        total += company.store.run(sql, company.space, id)[0][0]
    return cents(Decimal(total) / 100)
