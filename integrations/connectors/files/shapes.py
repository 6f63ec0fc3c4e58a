"""From what `records` makes of the rows to the canonical records. Files are read, never written."""

from integrations.canonical.items import Item
from integrations.canonical.parties import Customer
from integrations.canonical.sales import CreditNote, Invoice, SalesOrder
from integrations.wire.shape import F, Lines, Shape

URL = "@place.url"
# `rows` are the cells as they stand in the file: kept as proof, and for the control total that is made from them.
PROOF = ("@place", "rows", "figures")


def _read(ours: str, theirs: str) -> F:
    return F(ours, theirs, write=None)


CUSTOMER = Shape(
    Customer,
    key="key",
    url=URL,
    ignore=PROOF,
    fields=(
        _read("name", "name"),
        _read("email", "email"),
        _read("phone", "phone"),
        _read("billing_address.line1", "address.line1"),
        _read("billing_address.line2", "address.line2"),
        _read("billing_address.city", "address.city"),
        _read("billing_address.region", "address.region"),
        _read("billing_address.postal_code", "address.postal_code"),
        _read("billing_address.country", "address.country"),
        _read("billing_address.country_name", "address.country_name"),
    ),
)

ITEM = Shape(
    Item,
    key="key",
    url=URL,
    ignore=PROOF,
    fields=(
        _read("name", "name"),
        F("sku", "", read=lambda raw: raw["key"], write=None),
        _read("item_type", "item_type"),
        _read("description", "description"),
        _read("unit", "unit"),
    ),
)

DOCUMENT = (
    _read("number", "number"),
    _read("issued_on", "issued_on"),
    _read("currency", "currency"),
    _read("line_amounts", "line_amounts"),
    _read("customer.external_id", "customer.key"),
    _read("customer.name", "customer.name"),
    _read("po_number", "po_number"),
    _read("reference", "reference"),
    _read("memo", "memo"),
    _read("customer_note", "customer_note"),
    _read("subtotal", "total"),
    _read("total", "total"),
    Lines(
        "lines",
        "lines",
        fields=(
            _read("key", "key"),
            _read("item.external_id", "item"),
            _read("description", "description"),
            _read("quantity", "quantity"),
            _read("unit", "unit"),
            _read("unit_price", "unit_price"),
            _read("net_amount", "net_amount"),
        ),
    ),
)

INVOICE = Shape(Invoice, key="key", url=URL, ignore=PROOF, fields=(*DOCUMENT, _read("due_on", "due_on")))
CREDIT_NOTE = Shape(CreditNote, key="key", url=URL, ignore=PROOF, fields=(*DOCUMENT, _read("due_on", "due_on")))
SALES_ORDER = Shape(
    SalesOrder, key="key", url=URL, ignore=PROOF, fields=(*DOCUMENT, _read("expected_on", "expected_on"))
)
