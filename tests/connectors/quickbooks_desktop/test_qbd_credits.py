"""An invoice in QuickBooks Desktop is credited by a credit memo of its own, once, and stands as it was."""

from __future__ import annotations

from decimal import Decimal

from integrations.wire.connector import Done
from tests.connectors.quickbooks_desktop.talking import all_done
from tests.connectors.quickbooks_desktop.test_qbd_flows import Shop


def test_an_invoice_is_credited_and_a_lost_answer_is_found_again() -> None:
    shop = Shop()
    made = shop.made("invoice", shop.invoice())
    credit = shop.end("invoice", made, "credit")
    assert shop.found("invoice", credit) == [None]

    (told,) = all_done(shop.write("invoice", credit))
    (again,) = shop.found("invoice", credit)

    (memo,) = shop.records("credit_note")
    (invoice,) = shop.records("invoice")
    assert (memo.number, memo.total, memo.customer.external_id) == ("CR536365", Decimal("40.34"), shop.customer)
    assert (invoice.total, invoice.status) == (Decimal("40.34"), "open")
    assert memo.issued_on != invoice.issued_on, "the credit is of today, whatever period the invoice is of"
    assert told.external_id == made.external_id
    assert told.credit == ("credit_note", memo.external_id)
    assert isinstance(again, Done)
    assert again.credit == told.credit


def test_a_long_number_keeps_its_end_where_quickbooks_takes_eleven_characters() -> None:
    shop = Shop()
    made = shop.made("invoice", shop.invoice("12345678901"))

    all_done(shop.write("invoice", shop.end("invoice", made, "credit")))

    assert [memo.number for memo in shop.records("credit_note")] == ["CR345678901"]
