"""The rules of transactions: headers, numbers, dates, currencies, totals, and what voiding leaves."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from integrations.simulation.store import Row

from . import tax
from .company import Body, Company, digits, rounded, shown
from .entities import ENTITIES, Entity
from .faults import Fault
from .lines import PURCHASE_FORMS, SALES_FORMS, net_total, prepare_lines, zeroed
from .lists import account_of_type, kept_address

# Who a transaction is with, where it must be with somebody.
PARTY = {
    "Invoice": "CustomerRef",
    "CreditMemo": "CustomerRef",
    "Estimate": "CustomerRef",
    "Payment": "CustomerRef",
    "Bill": "VendorRef",
    "VendorCredit": "VendorRef",
    "BillPayment": "VendorRef",
    "PurchaseOrder": "VendorRef",
}
_NEEDED = {
    "BillPayment": ("PayType", "TotalAmt"),
    "Payment": ("TotalAmt",),
    "Purchase": ("PaymentType", "AccountRef"),
    "Deposit": ("DepositToAccountRef",),
    "Transfer": ("FromAccountRef", "ToAccountRef", "Amount"),
    "RefundReceipt": ("DepositToAccountRef",),
}
# Where money lies that is taken to the bank or given back.
_TILLS = ("Bank", "Other Current Asset")
_OWN_PAYABLE = ("Bill", "VendorCredit", "BillPayment", "PurchaseOrder")


def prepare(company: Company, entity: Entity, body: Body, old: Row | None) -> Body:
    """The document as the vendor keeps it, with everything computed that is the vendor's to compute.

    Raises the Faults of the manual's list: 2020, 2250, 2300, 6000, 6070, 6100, 6140 and so on.
    """
    kind = entity.name
    for needed in (*filter(None, [PARTY.get(kind)]), *_NEEDED.get(kind, ())):
        if needed not in body:
            raise Fault("2020", f"Required parameter {needed} is missing in the request", element=needed)
    body.setdefault("TxnDate", company.today())
    check_period(company, body["TxnDate"])
    _currency(company, kind, body, old)
    _number(company, kind, body, old)
    _custom_fields(company, kind, body)
    if kind in SALES_FORMS:
        _sales_form(company, kind, body, old)
    elif kind in PURCHASE_FORMS:
        _purchase_form(company, kind, body, old)
    elif kind == "JournalEntry":
        _journal(company, body, old)
    elif kind == "Deposit":
        _deposit(company, body, old)
    elif kind == "Transfer":
        body["Amount"] = _amount(company, body, "Amount")
    else:
        _payment(company, kind, body)
    if kind in _OWN_PAYABLE:
        payable = company.settings.accounts["payable"]
        body.setdefault("APAccountRef", {"value": payable, "name": "Accounts Payable (A/P)"})
    return body


def check_period(company: Company, day: str) -> None:
    """Raises Fault 6200 or 6210 for a day in closed books."""
    closed = company.settings.book_close_date
    if closed and day <= closed:
        code = "6210" if company.settings.close_password else "6200"
        raise Fault(code, "The account period has closed and the account books cannot be updated through through the QBO Services API. Please use the QBO website to make these changes.")  # fmt: skip  # noqa: E501


def voided(body: Body) -> Body:
    """The same document at zero, marked in its note (recorded); there is no status for it."""
    note = body.get("PrivateNote")
    changes: Body = {"PrivateNote": f"Voided - {note}" if note else "Voided", "TotalAmt": 0}
    if "Line" in body:
        # A payment lets go of what it paid; a form keeps its lines.
        changes["Line"] = [] if "UnappliedAmt" in body or "PayType" in body else zeroed(body["Line"])
    if "TxnTaxDetail" in body:
        changes["TxnTaxDetail"] = {"TotalTax": 0}
    changes |= {name: 0 for name in ("Balance", "HomeBalance", "HomeTotalAmt", "UnappliedAmt") if name in body}
    return {**body, **changes}


def _sales_form(company: Company, kind: str, body: Body, old: Row | None) -> None:
    customer = company.row(ENTITIES["Customer"], body["CustomerRef"]["value"]).body if "CustomerRef" in body else {}
    for address in ("BillAddr", "ShipAddr"):
        if address in body:
            body[address] = kept_address(company, body[address], old.body.get(address) if old else None)
        elif address in customer and old is None:
            body[address] = customer[address]
    if "SalesTermRef" in customer and old is None and kind == "Invoice":
        body.setdefault("SalesTermRef", customer["SalesTermRef"])
    if kind == "Invoice":
        body.setdefault("DueDate", _due(company, body))
        for name in ("AllowIPNPayment", "AllowOnlinePayment", "AllowOnlineCreditCardPayment", "AllowOnlineACHPayment"):
            body.setdefault(name, False)
    if kind == "SalesReceipt":
        body.setdefault("DepositToAccountRef", _undeposited(company))
    if kind == "RefundReceipt":
        account_of_type(company, body, "DepositToAccountRef", _TILLS)
    if kind == "Estimate":
        body.setdefault("TxnStatus", "Pending")
    body.setdefault("ApplyTaxAfterDiscount", False)
    body.setdefault("PrintStatus", "NeedToPrint")
    body.setdefault("EmailStatus", "NotSet")
    prepare_lines(company, kind, body, old)
    _totals(company, body, purchase=False)
    if kind != "Estimate":
        body["Balance"] = body["TotalAmt"] if kind in ("Invoice", "CreditMemo") else 0
    if kind == "CreditMemo":
        body["RemainingCredit"] = body["TotalAmt"]


def _purchase_form(company: Company, kind: str, body: Body, old: Row | None) -> None:
    if kind == "Bill":
        body.setdefault("DueDate", _due(company, body))
    if kind == "PurchaseOrder":
        body.setdefault("POStatus", "Open")
        body.setdefault("EmailStatus", "NotSet")
    for address in ("VendorAddr", "ShipAddr", "RemitToAddr"):
        if address in body:
            body[address] = kept_address(company, body[address], old.body.get(address) if old else None)
    prepare_lines(company, kind, body, old)
    _totals(company, body, purchase=True)
    if kind in ("Bill", "VendorCredit"):
        body["Balance"] = body["TotalAmt"]


def _deposit(company: Company, body: Body, old: Row | None) -> None:
    """What is taken to the bank, less what is taken back in cash."""
    account_of_type(company, body, "DepositToAccountRef", _TILLS)
    prepare_lines(company, "Deposit", body, old)
    for line in body["Line"]:
        for link in line.get("LinkedTxn", []):
            link.setdefault("TxnLineId", "0")
    total = net_total(body)
    cash = body.get("CashBack")
    if cash:
        for needed in ("AccountRef", "Amount"):
            if needed not in cash:
                raise Fault("2020", f"Required parameter CashBack.{needed} is missing in the request", element=needed)
        total -= Decimal(cash["Amount"])
    if total < 0:
        raise Fault("6000", "Business Validation Error: Transaction amount must be 0 or greater.")
    body["TotalAmt"] = shown(total)
    if company.settings.multicurrency:
        body["HomeTotalAmt"] = shown(rounded(total * Decimal(body["ExchangeRate"])))


def _journal(company: Company, body: Body, old: Row | None) -> None:
    prepare_lines(company, "JournalEntry", body, old)
    sides = {"Debit": Decimal(), "Credit": Decimal()}
    for line in body["Line"]:
        if "JournalEntryLineDetail" in line:
            sides[line["JournalEntryLineDetail"]["PostingType"]] += line["Amount"]
    if sides["Debit"] != sides["Credit"]:
        raise Fault("2300", f"Transaction is not in balance: debits {sides['Debit']}, credits {sides['Credit']}")
    body.setdefault("Adjustment", False)
    body["TotalAmt"] = shown(sides["Debit"])


def _payment(company: Company, kind: str, body: Body) -> None:
    body["TotalAmt"] = _amount(company, body, "TotalAmt")
    body.setdefault("Line", [])
    for line in body["Line"]:
        if "Amount" not in line or not line.get("LinkedTxn"):
            raise Fault(
                "2020", "Required parameter Line.Amount or Line.LinkedTxn is missing in the request", element="Line"
            )
        line["Amount"] = shown(rounded(Decimal(line["Amount"]), digits(company.currency_of(body))))
    if kind == "Payment":
        body.setdefault("DepositToAccountRef", _undeposited(company))
        body.setdefault("ProcessPayment", False)
        return
    paid_from = {"Check": ("CheckPayment", "BankAccountRef"), "CreditCard": ("CreditCardPayment", "CCAccountRef")}
    holder, account = paid_from[body["PayType"]]
    if account not in body.get(holder, {}):
        raise Fault("2020", f"Required parameter {holder}.{account} is missing in the request", element=account)
    account_of_type(company, body[holder], account, ("Bank",) if holder == "CheckPayment" else ("Credit Card",))
    if holder == "CheckPayment":
        body[holder].setdefault("PrintStatus", "NotSet")


def _totals(company: Company, body: Body, *, purchase: bool) -> None:
    total_tax = tax.work_out(company, body, purchase=purchase)
    total = net_total(body) + total_tax
    if total < 0:
        raise Fault("6000", "Business Validation Error: Transaction amount must be 0 or greater.")
    body["TotalAmt"] = shown(total)
    if company.settings.multicurrency:
        home = shown(rounded(total * Decimal(body["ExchangeRate"])))
        if not purchase:
            body["HomeTotalAmt"] = home


def _currency(company: Company, kind: str, body: Body, old: Row | None) -> None:
    """A document is in its party's currency."""
    party = PARTY.get(kind) or ("CustomerRef" if "CustomerRef" in body else None)
    wanted = company.settings.currency
    if party:
        entity = ENTITIES["Customer" if party == "CustomerRef" else "Vendor"]
        wanted = company.currency_of(company.row(entity, body[party]["value"]).body)
    code = body.get("CurrencyRef", {}).get("value") or (old and company.currency_of(old.body)) or wanted
    body["CurrencyRef"] = company.check_currency(code)
    if party and code != wanted:
        raise Fault("6000", f"Business Validation Error: The transaction's currency {code} is not the currency {wanted} of the {party[:-3].lower()}.")  # fmt: skip  # noqa: E501
    if company.settings.multicurrency:
        body.setdefault("ExchangeRate", company.rate(code, body["TxnDate"]))
        if Decimal(body["ExchangeRate"]) <= 0:
            raise Fault("2080", "ExchangeRate must be greater than zero", element="ExchangeRate")
    else:
        body.pop("ExchangeRate", None)


def _number(company: Company, kind: str, body: Body, old: Row | None) -> None:
    """The document's own number: sent, or the next of its series where the company lets the vendor count."""
    series = "sales" if kind in SALES_FORMS else kind if kind in ("PurchaseOrder", "JournalEntry") else None
    given = body.get("DocNumber")
    if given and given != "AUTO_GENERATE":
        if given.isdigit() and series:
            company.store.raise_counter(f"{company.realm} number {series}", int(given))
    elif given or (series and not (company.settings.custom_numbers and series == "sales")):
        body["DocNumber"] = str(company.store.next(f"{company.realm} number {series or kind}", 1001))
    body.pop("AutoDocNumber", None)
    if given and company.settings.forbid_duplicate_numbers and kind in SALES_FORMS:
        for other in company.store.rows(company.realm, kind, "not gone and json_extract(body, '$.DocNumber')=?", given):
            if old is None or other.id != old.id:
                raise Fault("6140", f"Duplicate Document Number Error : You must specify a different number. This number has already been used. DocNumber={given} is assigned to TxnType={kind} with TxnId={other.id}")  # fmt: skip  # noqa: E501


def _custom_fields(company: Company, kind: str, body: Body) -> None:
    if kind not in (*SALES_FORMS, "PurchaseOrder"):
        return
    names = {str(place): name for place, name in enumerate(company.settings.custom_fields, 1)}
    sent = {}
    for custom in body.pop("CustomField", []):
        definition = custom.get("DefinitionId")
        if definition not in names:
            raise Fault("6000", f"Business Validation Error: There is no custom field with DefinitionId {definition}.")
        if custom.get("StringValue"):
            sent[definition] = {"StringValue": custom["StringValue"]}
    if names:
        body["CustomField"] = [
            {"DefinitionId": definition, "Name": name, "Type": "StringType", **sent.get(definition, {})}
            for definition, name in names.items()
        ]


def _due(company: Company, body: Body) -> str:
    days = company.settings.default_term_days
    if "SalesTermRef" in body:
        days = int(company.row(ENTITIES["Term"], body["SalesTermRef"]["value"]).body.get("DueDays", days))
    return (date.fromisoformat(body["TxnDate"]) + timedelta(days=days)).isoformat()


def _amount(company: Company, body: Body, name: str) -> Decimal | int:
    amount = rounded(Decimal(body[name]), digits(company.currency_of(body)))
    if amount < 0:
        raise Fault("6000", f"Business Validation Error: {name} must be 0 or greater.")
    return shown(amount)


def _undeposited(company: Company) -> Body:
    return {"value": company.settings.accounts["undeposited"], "name": "Undeposited Funds"}
