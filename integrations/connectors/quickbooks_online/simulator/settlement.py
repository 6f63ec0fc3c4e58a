"""Which payment settles which document: applications, balances, and the links that both sides show."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from integrations.simulation.store import Row

from .company import Body, Company, rounded, shown
from .entities import ENTITIES
from .faults import Fault

SCHEMA = """
create table if not exists application (
    space text not null, kind text not null, id text not null,
    target_kind text not null, target_id text not null, amount text not null
);
create index if not exists application_payment on application (space, kind, id);
create index if not exists application_target on application (space, target_kind, target_id);
"""

# What a payment may settle: what it pays (+) and what it pays with (-). An entry may be either: its lines say.
_SETTLES = {
    "Payment": {"Invoice": 1, "CreditMemo": -1, "JournalEntry": 0},
    "BillPayment": {"Bill": 1, "VendorCredit": -1, "JournalEntry": 0},
    "Deposit": {"Payment": 1, "SalesReceipt": 1, "RefundReceipt": -1},
}
_PARTY = {"Payment": "CustomerRef", "BillPayment": "VendorRef"}
# Which lines of an entry a payment settles, and which side of them asks for money.
_OPEN_SIDE = {"Payment": ("Accounts Receivable", "Debit"), "BillPayment": ("Accounts Payable", "Credit")}
# A document made from another one closes it.
_CLOSES = {("Invoice", "Estimate"): {"TxnStatus": "Closed"}, ("Bill", "PurchaseOrder"): {"POStatus": "Closed"}}


def settle(company: Company, kind: str, row: Row) -> Row:
    """Applies a payment's lines to their documents, or finds what is applied to a document; returns it as it then is."""
    if kind in _SETTLES:
        return _apply(company, kind, row)
    if any(kind in targets for targets in _SETTLES.values()):
        row = _recount(company, kind, row, new_version=False)
    _close_origins(company, kind, row)
    return row


def release(company: Company, kind: str, id: str) -> None:
    """Takes back everything that a document settles or that settles it."""
    rows = company.store.run(
        "delete from application where space=? and ((kind=? and id=?) or (target_kind=? and target_id=?))"
        " returning kind, id, target_kind, target_id",
        company.realm, kind, id, kind, id,
    )  # fmt: skip
    for payer, payer_id, target, target_id in rows:
        if (payer, payer_id) == (kind, id):
            other, other_id = target, target_id
        else:
            other, other_id = payer, payer_id
            _drop_lines(company, payer, payer_id, kind, id)
        row = company.store.get(company.realm, other, other_id)
        if row is not None and not row.gone:
            _recount(company, other, row, new_version=True)


def check_not_deposited(company: Company, kind: str, id: str) -> None:
    """Raises Fault 6540 for money that a deposit has taken to the bank."""
    if kind in _SETTLES["Deposit"] and _applied(company, kind, id, by="Deposit"):
        raise Fault("6540", "The transaction you are trying to change has been deposited. Delete the deposit first.")


def applied_total(company: Company, kind: str, id: str, *, by: str = "") -> Decimal:
    """How much of a document is settled, by any kind of payment or by this one."""
    payers = (by,) if by else ("Payment", "BillPayment")
    return sum((Decimal(amount) for payer, _, amount in _applied(company, kind, id) if payer in payers), Decimal())


def _apply(company: Company, kind: str, row: Row) -> Row:
    store, realm = company.store, company.realm
    before = store.run(
        "delete from application where space=? and kind=? and id=? returning target_kind, target_id",
        realm,
        kind,
        row.id,
    )
    touched = dict.fromkeys(before)
    balance = Decimal(row.body["TotalAmt"])
    for line in row.body["Line"]:
        for link in line.get("LinkedTxn", []):
            target, target_id = link.get("TxnType", ""), str(link.get("TxnId", ""))
            if target not in _SETTLES[kind]:
                raise Fault("6000", f"Business Validation Error: A {kind} cannot be linked to a {target or 'nothing'}.")
            document = _open_document(company, kind, row.body, target, target_id)
            worth = _worth(company, kind, row.body, target, document)
            if kind == "Deposit":
                _check_waiting(company, row.id, target, document, line, worth)
            left = abs(worth) - applied_total(company, target, target_id, by=kind)
            if kind != "Deposit" and Decimal(line["Amount"]) > left:
                raise Fault("6000", f"Business Validation Error: The amount {line['Amount']} is more than the open balance {left} of {target} {target_id}.")  # fmt: skip  # noqa: E501
            store.run(
                "insert into application values (?,?,?,?,?,?)",
                realm,
                kind,
                row.id,
                target,
                target_id,
                str(line["Amount"]),
            )
            balance -= line["Amount"] if worth > 0 else -line["Amount"]
            touched[target, target_id] = None
    if kind != "Deposit" and balance < 0:
        raise Fault("6000", "Business Validation Error: The amounts applied are more than the amount paid.")
    for target, target_id in touched:
        document_row = store.get(realm, target, target_id)
        if document_row is not None and not document_row.gone:
            _recount(company, target, document_row, new_version=True)
    if kind == "Payment":
        row = company.touch(ENTITIES[kind], row, {"UnappliedAmt": shown(balance)}, new_version=False)
    return row


def _open_document(company: Company, kind: str, payment: Body, target: str, target_id: str) -> Row:
    document = company.store.get(company.realm, target, target_id)
    if document is None or document.gone:
        raise Fault("2500", f"Invalid Reference Id : {target} {target_id} not found", element="LinkedTxn")
    party = _PARTY.get(kind)
    if (
        party
        and target != "JournalEntry"
        and not _same_family(company, party, payment[party]["value"], document.body[party]["value"])
    ):
        raise Fault("6000", f"Business Validation Error: {target} {target_id} belongs to another {party[:-3].lower()}.")
    if company.currency_of(payment) != company.currency_of(document.body):
        raise Fault("6000", f"Business Validation Error: {target} {target_id} is in another currency.")
    return document


def _worth(company: Company, kind: str, payment: Body, target: str, document: Row) -> Decimal:
    """What a document comes to for this payment: above zero what it asks for, below zero what it gives."""
    if target != "JournalEntry":
        return _SETTLES[kind][target] * Decimal(document.body["TotalAmt"])
    account_type, asks = _OPEN_SIDE[kind]
    party, worth = payment[_PARTY[kind]]["value"], Decimal()
    for line in document.body["Line"]:
        detail = line.get("JournalEntryLineDetail", {})
        account = company.store.get(company.realm, "Account", detail.get("AccountRef", {}).get("value", ""))
        whose = detail.get("Entity", {}).get("EntityRef", {}).get("value")
        if account is not None and account.body["AccountType"] == account_type and whose == party:
            worth += line["Amount"] if detail["PostingType"] == asks else -line["Amount"]
    if not worth:
        words = f"JournalEntry {document.id} leaves nothing open with this {_PARTY[kind][:-3].lower()}."
        raise Fault("6000", f"Business Validation Error: {words}")
    return worth


def _check_waiting(company: Company, deposit: str, target: str, document: Row, line: Body, worth: Decimal) -> None:
    """Money goes to the bank once, whole, and only from where it waits for that."""
    undeposited = company.settings.accounts["undeposited"]
    others = [payer for payer in _applied(company, target, document.id, by="Deposit") if payer[1] != deposit]
    if others or document.body.get("DepositToAccountRef", {}).get("value") != undeposited:
        raise Fault("6000", f"Business Validation Error: {target} {document.id} is not waiting to be deposited.")
    if Decimal(line["Amount"]) != worth:
        words = f"{target} {document.id} comes to {worth}, not {line['Amount']}."
        raise Fault("6000", f"Business Validation Error: {words}")


def _same_family(company: Company, party: str, payer: str, owner: str) -> bool:
    """A customer pays for itself and for its sub-customers."""
    while owner != payer:
        row = company.store.get(company.realm, party.removesuffix("Ref"), owner)
        if row is None or "ParentRef" not in row.body:
            return False
        owner = row.body["ParentRef"]["value"]
    return True


def _recount(company: Company, kind: str, row: Row, *, new_version: bool) -> Row:
    applied = _applied(company, kind, row.id)
    other_links = [link for link in row.body.get("LinkedTxn", []) if link["TxnType"] in ("Estimate", "PurchaseOrder")]
    links = other_links + [{"TxnId": id, "TxnType": _link_type(company, payer, id)} for payer, id, _ in applied]
    changes: Body = {"LinkedTxn": links} if links or "LinkedTxn" in row.body or kind == "Invoice" else {}
    if kind in ("Invoice", "CreditMemo", "Bill", "VendorCredit"):
        left = Decimal(row.body["TotalAmt"]) - applied_total(company, kind, row.id)
        if left < 0:
            raise Fault("6000", "Business Validation Error: The total is less than what has been paid already.")
        changes["Balance"] = shown(left)
        if kind == "CreditMemo":
            changes["RemainingCredit"] = shown(left)
        if company.settings.multicurrency:
            changes["HomeBalance"] = shown(rounded(left * Decimal(row.body["ExchangeRate"])))
    elif kind == "Payment":
        out = company.store.run(
            "select target_kind, target_id, amount from application where space=? and kind=? and id=?",
            company.realm,
            kind,
            row.id,
        )
        used = sum((_sign(company, row.body, target, id) * Decimal(amount) for target, id, amount in out), Decimal())
        changes["UnappliedAmt"] = shown(Decimal(row.body["TotalAmt"]) - used)
    if all(row.body.get(name) == value for name, value in changes.items()):
        return row
    return company.touch(ENTITIES[kind], row, changes, new_version=new_version)


def _sign(company: Company, payment: Body, target: str, id: str) -> int:
    """Whether a payment paid this (1), or paid with it (-1)."""
    document = company.store.get(company.realm, target, id)
    if target != "JournalEntry" or document is None:
        return _SETTLES["Payment"][target]
    return 1 if _worth(company, "Payment", payment, target, document) > 0 else -1


def _applied(company: Company, kind: str, id: str, by: str = "") -> list[tuple[str, str, str]]:
    return [
        (payer, payer_id, amount)
        for payer, payer_id, amount in company.store.run(
            "select kind, id, amount from application where space=? and target_kind=? and target_id=? order by rowid",
            company.realm, kind, id,
        )
        if by in ("", payer)
    ]  # fmt: skip


def _link_type(company: Company, payer: str, id: str) -> str:
    """Bills name the way they were paid (recorded: BillPaymentCheck)."""
    if payer != "BillPayment":
        return payer
    row = company.store.get(company.realm, payer, id)
    return f"BillPayment{row.body['PayType']}" if row else payer


def _drop_lines(company: Company, payer: str, payer_id: str, target: str, target_id: str) -> None:
    row = company.store.get(company.realm, payer, payer_id)
    if row is not None and not row.gone:
        gone = {"TxnId": target_id, "TxnType": target}
        lines = [
            line
            for line in row.body["Line"]
            if not any(
                link.get("TxnId") == gone["TxnId"] and link.get("TxnType") == gone["TxnType"]
                for link in line.get("LinkedTxn", [])
            )
        ]
        company.store.put(company.realm, payer, replace(row, body={**row.body, "Line": lines}))


def _close_origins(company: Company, kind: str, row: Row) -> None:
    links = row.body.get("LinkedTxn", []) + [
        link for line in row.body.get("Line", []) for link in line.get("LinkedTxn", [])
    ]
    for link in links:
        changes = _CLOSES.get((kind, link.get("TxnType", "")))
        if changes is None:
            continue
        origin = company.store.get(company.realm, link["TxnType"], str(link.get("TxnId", "")))
        if origin is None or origin.gone:
            raise Fault(
                "2500", f"Invalid Reference Id : {link['TxnType']} {link.get('TxnId')} not found", element="LinkedTxn"
            )
        back = {"TxnId": row.id, "TxnType": kind}
        known = origin.body.get("LinkedTxn", [])
        if back not in known:
            company.touch(ENTITIES[link["TxnType"]], origin, {**changes, "LinkedTxn": [*known, back]}, new_version=True)
