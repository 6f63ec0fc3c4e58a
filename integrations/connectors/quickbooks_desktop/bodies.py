"""What is asked for a write: the request that QuickBooks takes, or the reason why it cannot go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.canonical import BillPayment, JournalEntry, Payment, Record
from integrations.canonical.documents import Document
from integrations.wire.connector import Write
from integrations.wire.errors import Refused, VendorError
from integrations.wire.site import Site
from integrations.wire.stream import Stream
from integrations.wire.xml import KIND

from .booking import is_group
from .books import CURRENCIES
from .documents import NOT_TAXED, RATE
from .entities import Entity, entity_of
from .grammar import CHANGED_LINES, DELETING, LINES, VOIDING, Table
from .items import as_it_stands, kind_of
from .methods import with_method_name
from .qbxml import Asked, document, plain_text
from .quirks import guid_of
from .shapes import NOT_TAXABLE, TAXABLE, bare

Body = dict[str, Any]


def asked_for(stream: Stream, writes: Sequence[Write], site: Site) -> list[Asked | VendorError]:
    """What is asked for each write, or why it cannot be asked."""
    return [one_asked(stream, write, site) for write in writes]


def one_asked(stream: Stream, write: Write, site: Site) -> Asked | VendorError:
    """What is asked for one write, or why it cannot be; the same for the same write and site."""
    entity = entity_of(stream)
    try:
        asked = _asked(stream, entity, write, site)
        document([asked])  # the grammar may still refuse it
    except VendorError as error:
        return error
    except ValueError as error:
        return _not_sent(str(error))
    return asked


def _asked(stream: Stream, entity: Entity, write: Write, site: Site) -> Asked:
    if write.operation in ("void", "delete"):
        return _ending(entity, write)
    record = _prepared(write)
    _check_currency(record, site)
    if write.operation == "create":
        body = _creation(stream, entity, write, record, site)
        kind = kind_of(body) if KIND in body else entity.name
        table, lines, ending = entity.added(kind), LINES, "Add"
    else:
        body = _identity(entity, write) | _changes(stream, entity, write, record, site)
        kind = kind_of(write.raw or {}) if stream.kind == "item" else entity.name
        table, lines, ending = entity.changed(kind), CHANGED_LINES, "Mod"
    _check_number(stream, entity, body, table)
    _check_needs(kind, body, table, is_new=write.operation == "create")
    name = f"{kind}{ending}"
    return Asked(name=name, inside=name, content=body, table=table, lines=lines, id=write.key)


def _ending(entity: Entity, write: Write) -> Asked:
    if not write.external_id:
        raise ValueError("its QuickBooks id is not known: it has to be read first")
    kind = kind_of(write.raw or {}) if entity.name == "Item" else entity.name
    if write.operation == "void":
        content: Body = {"TxnVoidType": kind, "TxnID": write.external_id}
        return Asked(name="TxnVoid", content=content, table=VOIDING, id=write.key)
    sort = "List" if entity.is_list else "Txn"
    content = {f"{sort}DelType": kind, entity.key: bare(write.external_id)}
    return Asked(name=f"{sort}Del", content=content, table=DELETING, id=write.key)


def _prepared(write: Write) -> Record:
    if write.record is None:
        raise ValueError("there is no record to send")
    return write.record


def _identity(entity: Entity, write: Write) -> Body:
    version = write.version or (write.raw or {}).get("EditSequence")
    if write.external_id is None or version is None:
        raise ValueError("its QuickBooks id or version is not known: it has to be read first")
    return {entity.key: bare(write.external_id), "EditSequence": version}


# --- making ----------------------------------------------------------------------------------------------------------


def _creation(stream: Stream, entity: Entity, write: Write, record: Record, site: Site) -> Body:
    body = stream.shape.write(record)
    body.pop("EditSequence", None)
    if stream.facts.get("dated_today"):
        body.pop("TxnDate", None)
    if entity.has_guid:
        body["ExternalGUID"] = guid_of(write.key)
    if "Lines" in body:
        body["Lines"] = [{name: value for name, value in line.items() if name != "TxnLineID"} for line in body["Lines"]]
    return _for_company(body, record, site, is_new=True)


def _for_company(body: Body, record: Record, site: Site, *, is_new: bool) -> Body:
    """The body in the words of this company: its codes of tax, its methods of payment, its one currency."""
    body = _taxed(with_method_name(body, site.settings), record, site, is_new=is_new)
    currency = body.pop("CurrencyRef", None)
    code = (currency or {}).get("CurrencyCode")
    if code and not is_new:
        raise ValueError("QuickBooks never changes the currency of a record once it is made")
    if code and code != home_of(site):
        name = (site.settings.get("currencies") or {}).get(code)
        if not name:
            raise ValueError(
                f"it is in {code}, and the connection's settings do not say how these books call that currency"
            )
        body["CurrencyRef"] = {"FullName": str(name)}
    if getattr(record, "currency", None) == home_of(site):
        body.pop("ExchangeRate", None)
    if isinstance(record, JournalEntry) and code_of(record, site):
        body["CurrencyRef"] = {"FullName": code_of(record, site)}
    return body


def code_of(record: JournalEntry, site: Site) -> str | None:
    """How these books call the currency of an entry that is not in their own."""
    if record.currency == home_of(site):
        return None
    name = (site.settings.get("currencies") or {}).get(record.currency)
    if not name:
        raise ValueError(
            f"it is in {record.currency}, and the connection's settings do not say how these books call that currency"
        )
    return str(name)


def _taxed(body: Body, record: Record, site: Site, *, is_new: bool) -> Body:
    """The body with tax as QuickBooks takes it: one rate in the head, and on each line whether it is taxed."""
    taxes = site.settings.get("sales_tax", True) not in (False, "false")
    names = {
        TAXABLE: str(site.settings.get("taxable_code") or TAXABLE),
        NOT_TAXABLE: str(site.settings.get("not_taxable_code") or NOT_TAXABLE),
    }
    code = body.get("SalesTaxCodeRef")
    if isinstance(code, Mapping) and code.get("FullName") in names:
        body["SalesTaxCodeRef"] = {"FullName": names[code["FullName"]]}
    if not isinstance(record, Document) or "Lines" not in body:
        return body
    lines, rates = [], set()
    for line in body["Lines"]:
        rate, untaxed = line.pop(RATE, None), line.pop(NOT_TAXED, False)
        if rate is not None:
            rates.add(rate)
            line["SalesTaxCodeRef"] = {"FullName": names[TAXABLE]}
        elif (untaxed or record.line_amounts == "no_tax") and line.get("ItemRef") and "SalesTaxCodeRef" not in line:
            line["SalesTaxCodeRef"] = {"FullName": names[NOT_TAXABLE]}
        if not taxes or line[KIND] in _UNTAXED_LINES:
            line.pop("SalesTaxCodeRef", None)
        lines.append(line)
    head = (body.get("ItemSalesTaxRef") or {}).get("ListID")
    if len(rates | ({head} if head and rates else set())) > 1:
        raise ValueError("its lines have several rates of tax, and QuickBooks reckons one for the whole document")
    if rates:
        if not taxes:
            raise ValueError("its lines are taxed, and sales tax is switched off in these books")
        body["ItemSalesTaxRef"] = {"ListID": rates.pop()}
    return {**body, "Lines": lines}


_UNTAXED_LINES = ("ExpenseLine", "ItemLine", "PurchaseOrderLine")


# --- changing --------------------------------------------------------------------------------------------------------


def _changes(stream: Stream, entity: Entity, write: Write, record: Record, site: Site) -> Body:
    only, raw = set(write.only), write.raw or {}
    if isinstance(record, Document) and only & {"lines", "discount_total", "charge_total", "line_amounts"}:
        only.add("lines")
        _refuse_changed_groups(stream, record, raw)
    if isinstance(record, BillPayment) and entity.name == "BillPaymentCreditCard":
        raise ValueError("QuickBooks does not change what was paid by credit card: delete it and pay again")
    if entity.name == "StandardTerms":
        raise ValueError("QuickBooks does not change terms: make others, and use those")
    body = stream.shape.patch(raw, record, only=only)
    body = _emptied(body, raw)
    if stream.kind == "item":
        if body.pop(KIND, kind_of(raw)) != kind_of(raw):
            raise ValueError("QuickBooks does not change the type of an item: make another")
        body = as_it_stands(body, raw)
    if isinstance(record, JournalEntry):
        body = _journal_lines(body)
    if entity.name == "Bill" and "Lines" in body:
        body = _cleared(body, raw)
    if isinstance(record, Payment | BillPayment) and "Applied" not in body and only & {"amount", "allocations"}:
        raise ValueError(
            "its amount or what it pays changes, but it does not say what it pays now: QuickBooks takes nothing back from a "
            "payment; delete it and make another"
        )
    return _for_company(body, record, site, is_new=False)


def _refuse_changed_groups(stream: Stream, record: Document, raw: Mapping[str, Any]) -> None:
    there = stream.shape.read(dict(raw)) if raw else record
    known = {line.external_id: line for line in there.lines if is_group(line)}
    for line in record.lines:
        was = known.get(line.external_id)
        if was is not None and (was.quantity, was.net_amount) != (line.quantity, line.net_amount):
            raise ValueError(f"the line of the group {line.description or line.external_id} cannot be changed")


def _journal_lines(body: Body) -> Body:
    """The lines of an entry's change, which tell their side as a member."""
    if "Lines" not in body:
        return body
    sides = {"JournalDebitLine": "Debit", "JournalCreditLine": "Credit"}
    lines = []
    for line in body["Lines"]:
        rest = {name: value for name, value in line.items() if name != KIND}
        told = {"JournalLineType": sides[line[KIND]]} if len(rest) > 1 else {}
        lines.append({KIND: "JournalLine", **rest, **told})
    return {**body, "Lines": lines}


def _cleared(body: Body, raw: Mapping[str, Any]) -> Body:
    """A bill keeps its lines in two lists, and one of them that ends up empty must be said to be."""
    switches = {"ExpenseLine": "ClearExpenseLines", "ItemLine": "ClearItemLines"}
    had = {line.get(KIND) for line in raw.get("Lines", ())}
    has = {line.get(KIND) for line in body["Lines"]}
    return body | {switch: True for kind, switch in switches.items() if kind in had and kind not in has}


def _emptied(body: Body, raw: Mapping[str, Any]) -> Body:
    """The changes with only those texts emptied that are there to be emptied; nothing else can be."""
    kept: Body = {}
    for name, value in body.items():
        there = raw.get(name)
        if isinstance(value, Mapping):
            inner = _emptied(dict(value), there if isinstance(there, Mapping) else {})
            if inner:
                kept[name] = inner
        elif value == "":
            if there in (None, ""):
                continue
            if name.endswith(_NEVER_EMPTY):
                raise ValueError(f"QuickBooks offers no way to empty {name}: give it another value instead")
            kept[name] = value
        else:
            kept[name] = value
    return kept


_NEVER_EMPTY = ("Ref", "Date", "Price", "Cost", "Rate", "Days", "Pct", "Amount", "Limit", "ID", "FullName", "IsActive")


# --- what QuickBooks demands -----------------------------------------------------------------------------------------


def home_of(site: Site) -> str:
    """The currency of the books: as a person says, else that of the edition which their side showed."""
    edition = str(site.settings.get("edition") or "US")
    return str(site.settings.get("home_currency") or CURRENCIES.get(edition, CURRENCIES["US"]))


def is_multicurrency(site: Site) -> bool:
    return site.settings.get("multicurrency") in (True, "true")


def _check_currency(record: Record, site: Site) -> None:
    currency = getattr(record, "currency", None)
    if currency and currency != home_of(site) and not is_multicurrency(site):
        raise Refused(
            explanation=f"This is in {currency}, and these QuickBooks books know only {home_of(site)}.",
            advice="Switch on Multiple Currencies in QuickBooks (it cannot be switched off again) and test the "
            f"connection again, or let the mapping bring amounts in {home_of(site)}.",
        )
    if currency and currency != home_of(site) and currency not in (site.settings.get("currencies") or {}):
        # A document is booked in the currency of its customer or vendor, whatever it says: 10 GBP could become 10 USD.
        raise Refused(
            explanation=f"This is in {currency}, and the connection's settings do not say how these QuickBooks books call it.",
            advice=f"Name {currency} under 'Names of currencies' as the currency list in QuickBooks does, and see to it that "
            "the customers and vendors of such documents are in that currency: QuickBooks books in theirs.",
        )


def _check_number(stream: Stream, entity: Entity, body: Body, table: Table) -> None:
    number = body.get("RefNumber")
    most = next((part.most for part in table if part.name == "RefNumber"), None)
    if isinstance(number, str) and most is not None and len(number) > most:
        raise Refused(
            explanation=f"The number {number!r} has {len(number)} characters, and QuickBooks takes {most} as the "
            f"RefNumber of a {stream.label.lower()}.",
            advice="Let the mapping give a shorter number (its last characters, say), and put the whole one into the memo.",
        )


def _check_needs(kind: str, body: Body, table: Table, *, is_new: bool) -> None:
    if not is_new:
        return
    if any(part.name == "Name" for part in table) and not _text(body.get("Name")):
        raise ValueError("it has no name")
    if kind == "ItemInventory":
        missing = [name for name in ("IncomeAccountRef", "COGSAccountRef", "AssetAccountRef") if name not in body]
        if missing:
            raise ValueError(
                f"an item kept in stock needs accounts for its sales, its cost and its stock; {', '.join(missing)} is missing"
            )
    for one in ("SalesOrPurchase", "SalesAndPurchase"):
        inside = body.get(one)
        if inside is not None and not {"AccountRef", "IncomeAccountRef", "ExpenseAccountRef"} & inside.keys():
            raise ValueError("an item needs the account that its sales are booked to (sale.account)")
    needed = _NEEDED.get(kind, "")
    if needed and not body.get(needed):
        raise ValueError(_WORDS_OF[needed])


def _text(value: Any) -> str:
    return plain_text(str(value or ""), is_free=False, path="Name").strip()


_NEEDED = {
    "BillPaymentCheck": "BankAccountRef",
    "BillPaymentCreditCard": "CreditCardAccountRef",
    "ItemDiscount": "AccountRef",
    "SalesRep": "Initial",
    "CreditMemo": "Lines",
    "SalesOrder": "Lines",
    "Estimate": "Lines",
    "PurchaseOrder": "Lines",
    "JournalEntry": "Lines",
    "Invoice": "Lines",
    "SalesReceipt": "Lines",
    "Bill": "Lines",
}
_WORDS_OF = {
    "BankAccountRef": "a bill payment needs the bank account that it is paid from (payment_account)",
    "CreditCardAccountRef": "a payment by card needs the card's account (payment_account)",
    "AccountRef": "a discount needs the account that it is booked to (sale.account)",
    "Initial": "a sales representative needs initials of at most five characters (number)",
    "Lines": "the document has no lines",
}


def _not_sent(why: str) -> Refused:
    return Refused(
        explanation=f"This was not sent to QuickBooks: {why}.",
        advice="Correct the record in its source or the mapping, then release it.",
    )
