"""What pays what: payments and credits applied to invoices and bills, and what is left open of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from integrations.simulation.store import Row

from .company import Company
from .figures import ZERO, amount, cents
from .grammar import Body
from .statuses import Refusal, missing, not_allowed, not_found

SCHEMA = """
create table if not exists application (
    space text not null, holder text not null, source text not null, target text not null, amount integer not null,
    discount integer not null, account text not null, class text not null
);
create index if not exists application_holder on application (space, holder);
create index if not exists application_source on application (space, source);
create index if not exists application_target on application (space, target);
create table if not exists link (
    space text not null, origin text not null, line text not null, made text not null, quantity text not null
);
create index if not exists link_origin on link (space, origin);
create index if not exists link_made on link (space, made);
"""  # amounts in cents; the holder is the document that says so: the payment itself, or the one that sets a credit


@dataclass(frozen=True, slots=True)
class Side:
    """Sales or purchases: the documents that are owed, the credits that settle them, and whom they are about."""

    owed: str
    credit: str
    party: str
    account: str


SALES = Side("Invoice", "CreditMemo", "CustomerRef", "ARAccountRef")
PURCHASES = Side("Bill", "VendorCredit", "VendorRef", "APAccountRef")
SIDES = {
    "Invoice": SALES, "CreditMemo": SALES, "ReceivePayment": SALES,
    "Bill": PURCHASES, "VendorCredit": PURCHASES, "BillPaymentCheck": PURCHASES, "BillPaymentCreditCard": PURCHASES,
}  # fmt: skip


def total(body: Body) -> Decimal:
    return amount(body["_total"])


def applied_to(company: Company, id: str) -> Decimal:
    """What has settled an invoice or bill so far, discounts included."""
    return _sum(company, "amount + discount", "target", id)


def used_of(company: Company, id: str) -> Decimal:
    """How much of a payment or credit is used up."""
    return _sum(company, "amount", "source", id)


def left(company: Company, row: Row) -> Decimal:
    """What is open of an invoice or bill."""
    return total(row.body) - applied_to(company, row.id)


def discounts(company: Company, holder: str) -> list[tuple[str, Decimal]]:
    """Discount account and amount of every discount that a payment gives."""
    sql = "select account, discount from application where space = ? and holder = ? and discount <> 0"
    return [(account, cents(Decimal(each) / 100)) for account, each in company.store.run(sql, company.space, holder)]


def forget(company: Company, id: str, *, holder_only: bool = False) -> list[tuple[str, str]]:
    """Takes back what a document said or received; gives the kinds and ids of the others concerned."""
    columns = ("holder",) if holder_only else ("holder", "source", "target")
    others: set[str] = set()
    for column in columns:
        sql = f"delete from application where space = ? and {column} = ? returning source, target, holder"  # noqa: S608 our own names
        others |= {each for row in company.store.run(sql, company.space, id) for each in row}
    found = []
    for other in others - {id}:
        found += company.store.run("select kind, id from txn where space = ? and id = ?", company.space, other)
    return [(kind, each) for kind, each in found]


def apply(company: Company, kind: str, row: Row, applied: Sequence[Body]) -> None:
    """What a payment says with AppliedToTxnAdd or AppliedToTxnMod; raises 3120 and 3210."""
    side = SIDES[kind]
    for each in applied:
        target = _target(company, side, row.body, each["TxnID"])
        paid = amount(each["PaymentAmount"]) if each.get("PaymentAmount") else ZERO
        discount = amount(each["DiscountAmount"]) if each.get("DiscountAmount") else ZERO
        if paid < 0 or discount < 0:
            raise not_allowed("PaymentAmount", paid, "The amount must be positive.")
        if paid + discount > left(company, target):
            words = "You cannot pay more than the amount due."
            raise not_allowed("PaymentAmount", each.get("PaymentAmount", ""), words)
        account = class_ = ""
        if discount:
            if "DiscountAccountRef" not in each:
                raise missing("DiscountAccountRef", kind)
            account = company.resolve("DiscountAccountRef", each["DiscountAccountRef"], in_kind=kind)["ListID"]
            if "DiscountClassRef" in each:
                class_ = company.resolve("DiscountClassRef", each["DiscountClassRef"], in_kind=kind)["ListID"]
        if paid or discount:
            _insert(company, row.id, row.id, target.id, paid, discount, account, class_)
            company.touch(side.owed, target.id)
        set_credits(company, row, side, target, each.get("SetCredit", ()))


def apply_by_age(company: Company, row: Row) -> None:
    """IsAutoApply: the oldest open invoices of the customer first."""
    rest = amount(row.body["TotalAmount"]) - used_of(company, row.id)
    sql = "select id from txn where space = ? and kind = 'Invoice' and party = ? order by day, number"
    for (id,) in company.store.run(sql, company.space, row.body["CustomerRef"]["ListID"]):
        target = company.get("Invoice", id)
        if target is None or target.body.get("IsPending") == "true" or rest <= 0:
            continue
        part = min(rest, left(company, target))
        if part > 0:
            _insert(company, row.id, row.id, id, part, ZERO, "", "")
            company.touch("Invoice", id)
            rest -= part


def set_credits(company: Company, holder: Row, side: Side, target: Row, credits: Sequence[Body]) -> None:
    """Credits that settle a document without money; raises 3120 and 3210."""
    for each in credits:
        credit = company.the(side.credit, each["CreditTxnID"])
        if not _of_one_family(company, credit.body[side.party]["ListID"], target.body[side.party]["ListID"]):
            raise not_allowed("CreditTxnID", credit.id, "The credit belongs to somebody else.")
        part = amount(each["AppliedAmount"])
        if not 0 < part <= min(total(credit.body) - used_of(company, credit.id), left(company, target)):
            words = "The amount is more than what is left of the credit, or than what is due."
            raise not_allowed("AppliedAmount", each["AppliedAmount"], words)
        _insert(company, holder.id, credit.id, target.id, part, ZERO, "", "")
        company.touch(side.credit, credit.id)


def applied_rets(company: Company, holder: str) -> list[Body]:
    """The AppliedToTxnRet elements of a payment."""
    sql = (
        "select a.target, sum(case when a.source = a.holder then a.amount else 0 end), sum(a.discount), max(a.account),"
        " max(a.class) from application a where space = ? and holder = ? group by a.target order by min(a.rowid)"
    )
    found = []
    for target, paid, discount, account, class_ in company.store.run(sql, company.space, holder):
        kind, row = document(company, target)
        ret: Body = {
            "TxnID": target, "TxnType": kind, "TxnDate": row.body["TxnDate"], "RefNumber": row.body.get("RefNumber", ""),
            "BalanceRemaining": str(left(company, row)), "Amount": str(cents(Decimal(paid) / 100)),
        }  # fmt: skip
        if discount:
            ret |= {"DiscountAmount": str(cents(Decimal(discount) / 100)), "DiscountAccountRef": {"ListID": account}}
            if class_:
                ret["DiscountClassRef"] = {"ListID": class_}
        found.append(ret)
    return found


def linked(company: Company, id: str) -> list[Body]:
    """The LinkedTxn elements of a document: what settles it or is settled by it, and what it was made from or into."""
    found = []
    rows = company.store.run(
        "select source, amount + discount from application where space = ? and target = ?"
        " union all select target, amount from application where space = ? and source = ?",
        company.space, id, company.space, id,
    )  # fmt: skip
    for other, part in rows:
        kind, row = document(company, other)
        found.append(_link(kind, row, "AMTTYPE", -cents(Decimal(part) / 100)))
    sql = "select origin from link where space = ? and made = ? union select made from link where space = ? and origin = ?"
    for (other,) in company.store.run(sql, company.space, id, company.space, id):
        kind, row = document(company, other)
        found.append(_link(kind, row, "QUANTYPE", total(row.body)))
    return found


def link(company: Company, origin: str, line: str, made: str, quantity: Decimal) -> None:
    """So much of a line of an order has become part of another document."""
    company.store.run("insert into link values (?,?,?,?,?)", company.space, origin, line, made, str(quantity))


def unlink(company: Company, made: str) -> None:
    company.store.run("delete from link where space = ? and made = ?", company.space, made)


def done_of(company: Company, origin: str) -> dict[str, Decimal]:
    """How much of each line of an order has become part of other documents."""
    found: dict[str, Decimal] = {}
    sql = "select line, quantity from link where space = ? and origin = ?"
    for line, quantity in company.store.run(sql, company.space, origin):
        found[line] = found.get(line, Decimal()) + Decimal(quantity)
    return found


def document(company: Company, id: str) -> tuple[str, Row]:
    """A document by its id alone; raises 3120."""
    found = company.store.run("select kind from txn where space = ? and id = ?", company.space, id)
    row = company.get(found[0][0], id) if found else None
    if row is None:
        raise not_found(id)
    return str(found[0][0]), row


def _link(kind: str, row: Row, how: str, part: Decimal) -> Body:
    return {
        "TxnID": row.id, "TxnType": kind, "TxnDate": row.body["TxnDate"], "RefNumber": row.body.get("RefNumber", ""),
        "LinkType": how, "Amount": str(part),
    }  # fmt: skip


def _target(company: Company, side: Side, body: Body, id: str) -> Row:
    target = company.the(side.owed, id)
    party = body.get(side.party) or body["PayeeEntityRef"]
    if not _of_one_family(company, party["ListID"], target.body[side.party]["ListID"]):
        raise Refusal(
            3210,
            f'The "TxnID" field has an invalid value "{id}".  QuickBooks error message: It belongs to somebody else.',
        )
    if target.body.get("IsPending") == "true":
        raise not_allowed("TxnID", id, "The transaction is pending.")
    return target


def _of_one_family(company: Company, one: str, other: str) -> bool:
    """Whether two parties are the same, or jobs of the same customer."""
    return company.name(one).partition(":")[0] == company.name(other).partition(":")[0]


def _insert(
    company: Company, holder: str, source: str, target: str, part: Decimal, discount: Decimal, account: str, class_: str
) -> None:
    company.store.run(
        "insert into application values (?,?,?,?,?,?,?,?)",
        company.space, holder, source, target, int(part * 100), int(discount * 100), account, class_,
    )  # fmt: skip


def _sum(company: Company, what: str, by: str, id: str) -> Decimal:
    sql = f"select coalesce(sum({what}), 0) from application where space = ? and {by} = ?"  # noqa: S608 our own names
    return cents(Decimal(company.store.run(sql, company.space, id)[0][0]) / 100)
