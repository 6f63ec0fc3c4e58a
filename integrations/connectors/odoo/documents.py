"""Odoo's documents as two-way tables: invoices, credit notes and bills (`account.move`), purchase and sales orders.

Odoo numbers a customer's document itself when it is posted: `number` is read from `name`, while a number of ours is
written as the customer's reference (`ref`), where it is read as `reference`. A bill's number is the vendor's own: `ref`.
Fields after shared/specs/odoo/fields_17.0.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from integrations.canonical import Bill, CreditNote, Invoice, JournalLine, Line, PurchaseOrder, Ref, SalesOrder
from integrations.wire.shape import F, LineEdit, Lines, Shape

from .quirks import figure, id_of, marked_up, plain, ref
from .shapes import ENTITY, Payload, refers

Spec = dict[str, Any]
"""What to read, as `web_search_read` takes it: fields, and for references the fields behind them."""

NAMED: Spec = {"fields": {"display_name": {}}}
CODED: Spec = {"fields": {"name": {}}}
_TAXES: Spec = {"fields": {"price_include": {}}}


def _spec(*plain_fields: str, **more: Spec) -> Spec:
    return {**{name: {} for name in plain_fields}, "write_date": {}, "create_date": {}, **more}


# --- what all share --------------------------------------------------------------------------------------------------


def _currency(value: Payload) -> Any:
    return value.get("name")


def _line_amounts(lines: str, taxes: str) -> F:
    """Prices are with tax where a tax of a line is one that prices include."""

    def read(payload: Payload) -> str:
        named = [tax for line in payload.get(lines) or () for tax in line.get(taxes) or ()]
        return "inclusive" if any(isinstance(tax, dict) and tax.get("price_include") for tax in named) else "exclusive"

    return F("line_amounts", "", read=read, write=None)


def _taxes(theirs: str) -> F:
    """The tax of a line; a line without one says so, since Odoo would add its usual tax."""

    def read(raw: Payload) -> Payload | None:
        taxes = raw.get(theirs) or []
        return ref(taxes[0]) if len(taxes) == 1 else None

    def write(line: Line) -> Payload:
        return {theirs: [[6, 0, [id_of(line.tax_rate)] if line.tax_rate else []]]}

    return F("tax_rate", "", read=read, write=write, uses=(theirs,))


def put_commands(edits: Sequence[LineEdit]) -> list[list[Any]]:
    """The commands by which Odoo changes a list of lines: make, change, take away."""
    commands: list[list[Any]] = []
    for edit in edits:
        if edit.raw is None:
            commands.append([0, 0, edit.values])
        elif edit.values is None:
            commands.append([2, edit.raw["id"], 0])
        elif edit.values:
            commands.append([1, edit.raw["id"], edit.values])
    return commands


def dimension() -> F:
    """The analytic account that takes the whole of a line; a line that is shared out among several tells none."""

    def read(raw: Payload) -> list[Payload]:
        shares = raw.get("analytic_distribution") or {}
        return [{"type": "custom", "value": {"external_id": id}} for id, share in shares.items() if share == 100]

    def write(line: Line | JournalLine) -> Payload:
        if len(line.dimensions) > 1:
            raise ValueError("a line has several dimensions, and one analytic account takes a line")
        return (
            {"analytic_distribution": {str(id_of(tag.value)): 100 for tag in line.dimensions}}
            if line.dimensions
            else {}
        )

    return F("dimensions", "", read=read, write=write, uses=("analytic_distribution",))


_SILENT = ("price_unit", "discount", "price_subtotal", "price_total")
"""What a line of text shows as zero."""


def _is_note(raw: Payload) -> bool:
    return raw.get("display_type") in ("line_note", "line_section")


def _is_item(raw: Payload) -> bool:
    return raw.get("display_type") in ("product", False, None)


def _lines(theirs: str, *, quantity: str, taxes: str, own: Sequence[F]) -> tuple[Lines, ...]:
    """Lines that count, and lines of text only."""
    item = Lines(
        "lines",
        theirs,
        key="id",
        when=_is_item,
        fits=lambda line: line.line_type != "text",
        put=put_commands,
        fields=(
            F("line_type", "", read=lambda raw: "item", write=None, uses=("display_type", "sequence")),
            refers("item", "product_id"),
            F("description", "name"),
            F("quantity", quantity, read=figure),
            F("unit_price", "price_unit", read=figure),
            F("discount_percent", "discount", read=lambda value: figure(value) or None),
            _taxes(taxes),
            dimension(),
            F("net_amount", "price_subtotal", read=figure, write=None),
            F("gross_amount", "price_total", read=figure, write=None),
            *own,
        ),
    )
    note = Lines(
        "lines",
        theirs,
        key="id",
        when=_is_note,
        fits=lambda line: line.line_type == "text",
        put=put_commands,
        fields=(
            F(
                "line_type",
                "",
                read=lambda raw: "text",
                write=lambda line: {"display_type": "line_note"},
                uses=("display_type", "sequence", *_SILENT, quantity),
            ),
            F("description", "name"),
        ),
    )
    return item, note


_TOTALS = (
    F("subtotal", "amount_untaxed", read=figure, write=None),
    F("tax_total", "amount_tax", read=figure, write=None),
    F("total", "amount_total", read=figure, write=None),
)


def total_of(payload: Mapping[str, Any]) -> Decimal:
    """A document's total straight from the payload, for control totals."""
    return figure(payload["amount_total"])


# --- invoices, credit notes, bills -----------------------------------------------------------------------------------

_LINE_SPEC: Spec = {
    "fields": {
        **{name: {} for name in ("display_type", "sequence", "name", "quantity", "price_unit", "discount")},
        **{name: {} for name in ("price_subtotal", "price_total")},
        "analytic_distribution": {},
        "product_id": NAMED,
        "account_id": NAMED,
        "tax_ids": _TAXES,
    }
}
_BILL_LINE_SPEC: Spec = {"fields": {**_LINE_SPEC["fields"], "purchase_line_id": {"fields": {"order_id": {}}}}}
MOVE_SPEC = _spec(
    "name", "ref", "move_type", "state", "payment_state", "invoice_date", "date", "invoice_date_due", "invoice_origin",
    "narration", "amount_untaxed", "amount_tax", "amount_total", "amount_total_signed", "amount_residual", "reversal_move_id",
    partner_id=NAMED, currency_id=CODED, company_currency_id=CODED, journal_id=NAMED, invoice_payment_term_id=NAMED,
    invoice_line_ids=_LINE_SPEC,
)  # fmt: skip
CREDIT_SPEC: Spec = {**MOVE_SPEC, "reversed_entry_id": {}}
BILL_SPEC: Spec = {**MOVE_SPEC, "duplicated_ref_ids": {}, "invoice_line_ids": _BILL_LINE_SPEC}

_SETTLED = {
    "not_paid": "open",
    "partial": "partially_paid",
    "in_payment": "paid",
    "paid": "paid",
    "reversed": "paid",
}


def status_of(payload: Payload) -> str:
    """Our word for the state of a move."""
    if payload.get("state") == "posted":
        return _SETTLED.get(str(payload.get("payment_state")), "unknown")
    return {"draft": "draft", "cancel": "void"}.get(str(payload.get("state")), "unknown")


def _issued_on(payload: Payload) -> Any:
    """A draft may have no date of its own yet."""
    return date.fromisoformat(payload.get("invoice_date") or payload["date"])


def _to_issued_on(record: Any) -> Payload:
    """The document's day. A bill's day in the ledger has to be said too: else Odoo takes the end of a past month, or today."""
    told = {"invoice_date": record.issued_on.isoformat()}
    return {**told, "date": (record.posted_on or record.issued_on).isoformat()} if isinstance(record, Bill) else told


def number_of(payload: Payload) -> str | None:
    """The number from the journal's sequence; a draft has none, or a slash."""
    name = payload.get("name")
    return str(name) if name and name != "/" else None


def _to_reference(record: Any) -> Payload:
    ours = record.number or record.reference
    origin = record.reference if record.number and record.reference != record.number else None
    return {**({"ref": ours} if ours else {}), **({"invoice_origin": origin} if origin else {})}


_SALE_NUMBER = (
    F("number", "", read=number_of, write=_to_reference, uses=("name",)),
    F("reference", "ref", write=None),
)
_BILL_NUMBER = (F("number", "ref"), F("reference", "invoice_origin"))


def _applies_to(payload: Payload) -> list[Payload]:
    """The invoice that a credit note reverses; Odoo settles the two when the credit note is posted."""
    invoice = ref(payload.get("reversed_entry_id"))
    return [{"invoice": {"external_id": invoice["external_id"]}}] if invoice else []


def _to_applies_to(record: CreditNote) -> Payload:
    if len(record.applies_to) > 1:
        raise ValueError("it is for several invoices, and in Odoo a credit note reverses one: apply it there by hand")
    return {"reversed_entry_id": id_of(record.applies_to[0].invoice)} if record.applies_to else {}


def _orders_of(payload: Payload) -> list[Payload]:
    """The purchase orders whose lines a bill bills."""
    made_from = [line.get("purchase_line_id") or {} for line in payload.get("invoice_line_ids") or []]
    orders = [ref(line.get("order_id")) for line in made_from]
    return [{"external_id": id} for id in dict.fromkeys(order["external_id"] for order in orders if order)]


# With us a line is named by its document and itself.
def _order_line(value: Payload) -> Payload | None:
    order = ref(value.get("order_id"))
    return {"external_id": f"{order['external_id']}/{value['id']}"} if order else None


def _to_order_line(line: Ref) -> int:
    return id_of(Ref(external_id=(line.external_id or "").rpartition("/")[2]))


def _move(party: str, *of_lines: F) -> tuple[Any, ...]:
    return (
        refers(party, "partner_id"),
        F("issued_on", "", read=_issued_on, write=_to_issued_on, uses=("invoice_date",)),
        F("posted_on", "date", write=None),
        F("due_on", "invoice_date_due"),
        refers("payment_term", "invoice_payment_term_id"),
        F("currency", "currency_id", read=_currency),
        _line_amounts("invoice_line_ids", "tax_ids"),
        *_lines(
            "invoice_line_ids", quantity="quantity", taxes="tax_ids", own=(refers("account", "account_id"), *of_lines)
        ),
        *_TOTALS,
        F("amount_due", "amount_residual", read=figure, write=None),
        F("status", "", read=status_of, write=None, uses=("state", "payment_state")),
    )


_MOVE_NOISE = ("move_type", "reversal_move_id", "amount_total_signed", "company_currency_id", "duplicated_ref_ids")
_MOVE: Mapping[str, Any] = {**ENTITY, "ignore": (*ENTITY["ignore"], *_MOVE_NOISE)}
_NOTE = F("customer_note", "narration", read=plain, write=marked_up)

INVOICE = Shape(Invoice, **_MOVE, fields=(*_SALE_NUMBER, *_move("customer"), _NOTE))
CREDIT_NOTE = Shape(
    CreditNote,
    **_MOVE,
    fields=(
        *_SALE_NUMBER,
        *_move("customer"),
        F("applies_to", "", read=_applies_to, write=_to_applies_to, uses=("reversed_entry_id",)),
        _NOTE,
    ),
)
BILL = Shape(
    Bill,
    **_MOVE,
    fields=(
        *_BILL_NUMBER,
        *_move("vendor", F("purchase_order_line", "purchase_line_id", read=_order_line, write=_to_order_line)),
        F("purchase_orders", "", read=_orders_of, write=None),
        F("memo", "narration", read=plain, write=marked_up),
    ),
)


# --- orders ----------------------------------------------------------------------------------------------------------

_ORDER_STATES = {
    "draft": "draft",
    "sent": "draft",
    "to approve": "pending_approval",
    "sale": "open",
    "purchase": "open",
    "done": "closed",
    "cancel": "void",
}
_INVOICED = {
    "no": "not_invoiced",
    "to invoice": "not_invoiced",
    "invoiced": "invoiced",
    "upselling": "invoiced",
}


def _order_status(value: str) -> str:
    return _ORDER_STATES.get(value, "unknown")


def _day_of(text: str) -> date:
    """The day of a moment: Odoo keeps the moment in UTC, and what we wrote is noon."""
    return date.fromisoformat(text[:10])


def _noon(day: date) -> str:
    """Noon in UTC is the same day nearly everywhere."""
    return f"{day.isoformat()} 12:00:00"


def _order(party: str, quantity: str, taxes: str) -> tuple[Any, ...]:
    invoiced = F("quantity_invoiced", "qty_invoiced", read=figure, write=None)
    return (
        F("number", "name", write=None),
        refers(party, "partner_id"),
        F("issued_on", "date_order", read=_day_of, write=_noon),
        refers("payment_term", "payment_term_id"),
        F("currency", "currency_id", read=_currency),
        _line_amounts("order_line", taxes),
        *_lines("order_line", quantity=quantity, taxes=taxes, own=(invoiced,)),
        *_TOTALS,
        F("status", "state", read=_order_status, write=None),
        F("invoicing_status", "invoice_status", read=_INVOICED.get, write=None),
    )


def _order_spec(quantity: str, taxes: str, *more: str) -> Spec:
    plain_fields = ("display_type", "sequence", "name", "price_unit", "discount", "price_subtotal", "price_total")
    lines = {
        **{name: {} for name in (*plain_fields, quantity, "qty_invoiced", "analytic_distribution")},
        "product_id": NAMED,
        taxes: _TAXES,
    }
    return _spec(
        "name", "state", "date_order", "invoice_status", "amount_untaxed", "amount_tax", "amount_total", "origin", *more,
        partner_id=NAMED, currency_id=CODED, payment_term_id=NAMED, order_line={"fields": lines},
    )  # fmt: skip


def _to_purchase_reference(record: Any) -> Payload:
    named = {"origin": record.number} if record.number else {}
    return {**named, **({"partner_ref": record.reference} if record.reference else {})}


def _to_sale_reference(record: Any) -> Payload:
    named = {"origin": record.number} if record.number else {}
    theirs = record.po_number or record.reference
    return {**named, **({"client_order_ref": theirs} if theirs else {})}


PURCHASE_ORDER = Shape(
    PurchaseOrder,
    **ENTITY,
    fields=(
        *_order("vendor", "product_qty", "taxes_id"),
        F("reference", "", read=lambda payload: payload.get("partner_ref") or None, write=_to_purchase_reference,
          uses=("partner_ref",)),
        F("expected_on", "date_planned", read=_day_of, write=_noon),
    ),
)  # fmt: skip
PURCHASE_SPEC = _order_spec("product_qty", "taxes_id", "partner_ref", "date_planned")

SALES_ORDER = Shape(
    SalesOrder,
    **ENTITY,
    fields=(
        *_order("customer", "product_uom_qty", "tax_id"),
        F("po_number", "", read=lambda payload: payload.get("client_order_ref") or None, write=_to_sale_reference,
          uses=("client_order_ref",)),
        F("expected_on", "commitment_date", read=_day_of, write=_noon),
    ),
)  # fmt: skip
SALE_SPEC = _order_spec("product_uom_qty", "tax_id", "client_order_ref", "commitment_date")
