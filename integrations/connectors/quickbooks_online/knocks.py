"""How QuickBooks Online tells that something changed: both forms of its webhooks, for all companies at one address.

The older form tells what happened by company; the newer, of 2026, is a list of CloudEvents. Which one comes is set per app
in the developer portal, so both are read. An event never carries the record.
"""

from __future__ import annotations

from integrations.wire.knocks import Form, Knocks, Signed

from .queries import LISTED

_NOTIFICATIONS = Form(
    each=("eventNotifications", "dataChangeEvent.entities"),
    company="^.realmId",
    says=("name", "operation"),
    id="id",
    merged="deletedId",
    event=("^.realmId", "name", "id", "operation", "lastUpdated", "deletedId"),
    at="lastUpdated",
)
# Which id went away in a merge is not documented of this form: the next read of the list tells it.
_CLOUD_EVENTS = Form(
    each=("",),
    company="intuitaccountid",
    says=("type",),
    pattern=r"qbo\.(?P<entity>\w+)\.(?P<verb>\w+)\.v\d+",
    id="intuitentityid",
    event=("id",),
    at="time",
)

KNOCKS = Knocks(
    proof=Signed(header="intuit-signature"),
    forms=(_NOTIFICATIONS, _CLOUD_EVENTS),
    objects={
        "account": ("account",),
        "term": ("payment_term",),
        "customer": ("customer",),
        "vendor": ("vendor",),
        "item": ("item",),
        "class": ("class",),
        "department": ("location",),
        "estimate": ("quote",),
        "invoice": ("invoice",),
        "salesreceipt": ("sales_receipt",),
        "creditmemo": ("credit_note",),
        "refundreceipt": ("refund",),
        "purchaseorder": ("purchase_order",),
        "bill": ("bill",),
        "vendorcredit": ("vendor_credit",),
        "journalentry": ("journal_entry",),
        "payment": ("payment",),
        "billpayment": ("bill_payment",),
        "deposit": ("deposit",),
    },
    ids={"class": f"class{LISTED}{{id}}", "location": f"location{LISTED}{{id}}"},
    gone=frozenset({"delete", "deleted"}),
    merged=frozenset({"merge", "merged"}),
    within=3,
    setup="In the developer portal of the app, under Webhooks, once for production and once for development; the verifier "
    "token that is shown there belongs into the vendor app here.",
)
