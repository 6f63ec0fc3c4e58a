"""What the connector asks Odoo: whose call it is, pages, loads of many records, changes, and what it refuses to send."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace as changed

from integrations.canonical import Address, JournalEntry, JournalLine, Line, Ref
from integrations.connectors.odoo.rpc import LOG_IN
from integrations.wire.errors import ConsentLost, Refused, VendorError
from integrations.wire.message import Request
from integrations.wire.stream import FETCHED, Cursor
from tests.connectors.odoo import made
from tests.connectors.odoo.made import DIALECT, KEY, SITE, STREAMS, asked, create, lantern, table, update

INVOICE, CUSTOMER, ITEM = STREAMS["invoice"], STREAMS["customer"], STREAMS["item"]


def composed(*writes: Any, stream: str = "invoice", step: int = 1, **settings: Any) -> Request:
    site = replace(SITE, settings={**SITE.settings, **settings})
    return DIALECT.compose(STREAMS[stream], writes, KEY, site, step)


def refusal(*writes: Any, stream: str = "invoice", step: int = 1) -> VendorError:
    with pytest.raises(Refused) as error:
        composed(*writes, stream=stream, step=step)
    return error.value


# --- whose call it is ------------------------------------------------------------------------------------------------


def test_a_log_in_brings_the_number_of_the_user() -> None:
    request = LOG_IN.open(SITE, {"api_key": "k"})
    params = made.EXACT.decode(request.body)["params"]
    assert (params["service"], params["method"]) == ("common", "authenticate")
    assert params["args"] == ["books", "sync@books.example", "k", {}]
    assert LOG_IN.opened(made.answer(2)).secrets()["access_token"] == "2"


def test_a_wrong_password_is_answered_with_false_and_asks_for_a_new_one() -> None:
    with pytest.raises(ConsentLost):
        LOG_IN.opened(made.answer(False))


def test_a_call_bears_its_credentials_only_once_it_is_signed() -> None:
    request = DIALECT.ask(CUSTOMER, Cursor(), SITE)
    signed = LOG_IN.sign(request, {"access_token": "2", "api_key": 'pass"word'})
    args = made.EXACT.decode(signed.body)["params"]["args"]
    assert args[:3] == ["books", 2, 'pass"word']
    assert args[3:] == made.EXACT.decode(request.body)["params"]["args"][3:]


def test_figures_keep_every_digit_when_a_call_is_signed() -> None:
    sent = composed(update(made.invoice(lines=[lantern()]), DRAFT, "lines"), step=2)
    signed = LOG_IN.sign(sent, {"access_token": "2", "api_key": "k"})
    assert b"3.39" in signed.body


def test_every_call_names_the_company_and_the_language() -> None:
    *_, options = asked(DIALECT.ask(CUSTOMER, Cursor(), SITE))
    expected = {"lang": "en_US", "tz": "UTC", "allowed_company_ids": [1], "active_test": False}
    assert options["context"] == expected


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_sweep_walks_by_id_and_sees_what_is_archived() -> None:
    model, method, (domain,), options = asked(DIALECT.ask(CUSTOMER, Cursor("2026-09-14 10:00:00", "14"), SITE))
    assert (model, method) == ("res.partner", "search_read")
    assert domain == [["customer_rank", ">", 0], ["write_date", ">=", "2026-09-14 10:00:00"], ["id", ">", 14]]
    assert (options["order"], options["limit"]) == ("id asc", 200)
    assert options["context"]["active_test"] is False


def test_documents_come_with_their_lines_in_one_answer() -> None:
    model, method, args, options = asked(DIALECT.ask(INVOICE, Cursor(), SITE))
    assert (model, method, args) == ("account.move", "web_search_read", [])
    assert options["domain"] == [["move_type", "=", "out_invoice"], ["company_id", "=", 1]]
    assert "price_unit" in options["specification"]["invoice_line_ids"]["fields"]


def test_a_full_page_names_the_next_and_a_short_one_ends_the_sweep() -> None:
    rows = [{"id": n} for n in range(1, 201)]
    page = DIALECT.read(CUSTOMER, Cursor(), made.answer(rows), SITE)
    assert (page.next, page.mark) == ("200", "2026-09-16 07:55:00")
    assert DIALECT.read(CUSTOMER, Cursor(None, "200"), made.answer(rows[:9]), SITE).next is None


def test_records_are_read_directly_by_their_ids() -> None:
    *_, options = asked(DIALECT.fetch(INVOICE, ["77", "78"], SITE))
    assert options["domain"][0] == ["id", "in", [77, 78]]
    page = DIALECT.read(INVOICE, FETCHED, made.answer({"length": 1, "records": [made.sample("invoice")]}), SITE)
    assert (len(page.raws), page.next) == (1, None)


def test_the_company_is_named_with_its_currency() -> None:
    rows = [{"id": 1, "name": "Harbour & Pine", "currency_id": [1, "USD"], "country_code": "US"}]
    company = DIALECT.company(made.answer(rows), SITE)
    assert (company.name, company.id, company.currency, company.country) == (
        "Harbour & Pine", "books/1", "USD", "US",
    )  # fmt: skip


def test_a_person_finds_the_document_by_a_link() -> None:
    link = DIALECT.link(INVOICE, "77", SITE)
    assert link == "https://books.example/web#id=77&model=account.move&view_type=form"


# --- making ----------------------------------------------------------------------------------------------------------


def test_an_invoice_is_loaded_as_a_head_and_rows_of_lines() -> None:
    lines = [lantern(), lantern(quantity=Decimal(-2)), Line(line_type="text", description="Thank you")]
    first, second, third = table(composed(create(made.invoice(lines=lines, due_on=date(2026, 10, 14)))))
    assert first == {
        "id": f"tieout.{KEY}",
        "move_type": "out_invoice",
        "ref": "536365",
        "partner_id/.id": "14",
        "invoice_date": "2026-09-14",
        "invoice_date_due": "2026-10-14",
        "currency_id": "USD",
        "invoice_line_ids/display_type": "product",
        "invoice_line_ids/product_id/.id": "31",
        "invoice_line_ids/name": "Lantern",
        "invoice_line_ids/quantity": "6",
        "invoice_line_ids/price_unit": "3.39",
        "invoice_line_ids/tax_ids/.id": "1",
    }
    assert second["invoice_line_ids/quantity"] == "-2"
    assert third == {"invoice_line_ids/display_type": "line_note", "invoice_line_ids/name": "Thank you"}


def test_many_go_in_one_load_each_with_its_own_external_id() -> None:
    writes = [create(made.invoice(number=f"N-{n}"), key=f"k{n}") for n in range(50)]
    rows = table(composed(*writes))
    assert [row["id"] for row in rows] == [f"tieout.k{n}" for n in range(50)]


def test_a_line_without_tax_says_so_since_odoo_would_add_its_usual_one() -> None:
    request = composed(create(made.invoice(lines=[lantern(tax_rate=None)])))
    _, _, (columns, rows), _ = asked(request)
    assert rows[0][columns.index("invoice_line_ids/tax_ids/.id")] == ""


def test_those_with_other_fields_wait_for_the_next_call() -> None:
    writes = [create(made.invoice(), key="a"), create(made.invoice(due_on=date(2026, 10, 1)), key="b")]
    assert [row["id"] for row in table(composed(*writes))] == ["tieout.a"]
    first, second = DIALECT.outcomes(INVOICE, writes, made.answer({"ids": [77], "messages": []}), SITE)
    assert first.external_id == "77"
    assert (second.error.retry_after, second.error.may_have_acted) == (0, False)


def test_a_currency_is_named_by_its_code_so_that_only_an_active_one_is_found() -> None:
    (row,) = table(composed(create(made.invoice(currency="GBP"))))
    assert row["currency_id"] == "GBP"
    *_, options = asked(composed(create(made.invoice())))
    assert "active_test" not in options["context"]


def test_a_finer_price_is_booked_as_one_unit_at_the_lines_amount() -> None:
    (row,) = table(composed(create(made.invoice(lines=[lantern(quantity=Decimal(3), unit_price=Decimal("0.335"))]))))
    assert (row["invoice_line_ids/quantity"], row["invoice_line_ids/price_unit"]) == ("1", "1.01")
    assert row["invoice_line_ids/name"] == "Lantern (3 × 0.335)"


def test_a_server_with_finer_prices_gets_them() -> None:
    line = lantern(quantity=Decimal(2), unit_price=Decimal("0.335"))
    (row,) = table(composed(create(made.invoice(lines=[line])), price_decimals=3))
    assert row["invoice_line_ids/price_unit"] == "0.335"


def test_a_customer_is_ranked_and_its_country_named_by_its_code() -> None:
    address = Address(line1="12 Quay Lane", country="GB", country_name="United Kingdom")
    (row,) = table(composed(create(made.customer(billing_address=address)), stream="customer"))
    assert (row["customer_rank"], row["country_id"], row["street"], row["active"]) == (
        "1",
        "GB",
        "12 Quay Lane",
        "True",
    )


def test_a_bill_bears_the_vendors_own_number() -> None:
    (row,) = table(composed(create(made.bill()), stream="bill"))
    assert (row["ref"], row["move_type"], row["partner_id/.id"]) == ("BW-88", "in_invoice", "21")


def test_an_entry_is_loaded_as_debits_and_credits() -> None:
    lines = [
        JournalLine(account=Ref(external_id="44"), debit=Decimal("12.5")),
        JournalLine(account=Ref(external_id="27"), credit=Decimal("12.5"), customer=Ref(external_id="14")),
    ]
    entry = JournalEntry(posted_on=date(2026, 9, 30), currency="USD", number="J-4", lines=lines)
    first, second = table(composed(create(entry), stream="journal_entry"))
    assert (first["date"], first["line_ids/debit"], first["line_ids/credit"]) == ("2026-09-30", "12.5", "0")
    assert (second["line_ids/credit"], second["line_ids/partner_id/.id"]) == ("12.5", "14")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (made.invoice(lines=[lantern(quantity=Decimal(-1))]), "credit note"),
        (made.invoice(lines=[lantern(unit_price=None, quantity=None)]), "neither an amount nor a price"),
        (made.invoice(lines=[lantern(item=Ref(name="Lantern"))]), "Lantern has no Odoo id"),
        (made.invoice(customer=Ref(name="Okafor")), "Okafor has no Odoo id"),
        (made.invoice(discount_total=Decimal(1)), "discounts"),
        (made.invoice(lines=[lantern(account=Ref(external_id="27")), lantern()]), "line 2 names no account"),
    ],
)
def test_what_odoo_would_not_book_is_refused_before_it_is_sent(record: Any, words: str) -> None:
    with pytest.raises(VendorError, match=words):
        composed(create(record))


# --- changing --------------------------------------------------------------------------------------------------------

POSTED = made.sample("invoice") | {"payment_state": "not_paid", "amount_residual": Decimal("44.09")}
DRAFT = POSTED | {"state": "draft"}


def wanted(raw: dict[str, Any], **fields: Any) -> Any:
    return changed(INVOICE.shape.read(raw), **fields)


def test_a_posted_document_is_reset_to_a_draft_before_its_lines_change() -> None:
    write = update(wanted(POSTED, lines=[lantern()]), POSTED, "lines")
    assert "allow it" in refusal(write).advice
    assert asked(composed(write, change_posted=True))[:3] == ("account.move", "button_draft", [[77]])
    (outcome,) = DIALECT.outcomes(INVOICE, [write], made.nothing(), SITE, 1)
    assert outcome.raw["state"] == "draft"
    assert asked(composed(update(write.record, outcome.raw, "lines"), step=4))[:3] == (
        "account.move", "action_post", [[77]],
    )  # fmt: skip


def test_a_note_on_a_posted_document_changes_without_touching_the_ledger() -> None:
    write = update(wanted(POSTED, customer_note="New & better"), POSTED, "customer_note")
    assert asked(composed(write, step=1))[1] == "web_search_read"
    assert asked(composed(write, step=2))[:3] == (
        "account.move", "write", [[77], {"narration": "New &amp; better"}],
    )  # fmt: skip
    assert asked(composed(write, step=4))[1] == "web_search_read"


def test_lines_are_changed_made_and_taken_away_by_their_ids() -> None:
    first, *_ = INVOICE.shape.read(DRAFT).lines
    lines = [changed(first, quantity=Decimal(5), net_amount=None, gross_amount=None), lantern()]
    _, _, (ids, values), _ = asked(composed(update(wanted(DRAFT, lines=lines), DRAFT, "lines"), step=2))
    commands = values["invoice_line_ids"]
    assert ids == [77]
    assert [(command[0], command[1]) for command in commands] == [(1, 501), (0, 0), (2, 502), (2, 503)]
    assert commands[0][2]["quantity"] == 5


def test_a_paid_document_is_neither_changed_nor_voided() -> None:
    paid = POSTED | {"payment_state": "paid"}
    assert "attached" in refusal(update(wanted(paid, lines=[lantern()]), paid, "lines")).explanation
    void = made.Write(key=KEY, operation="void", external_id="77", raw=paid)
    assert "attached" in refusal(void).explanation


def test_a_void_cancels() -> None:
    void = made.Write(key=KEY, operation="void", external_id="77", raw=POSTED)
    assert asked(composed(void, step=2))[:3] == ("account.move", "button_cancel", [[77]])
    assert DIALECT.outcomes(INVOICE, [void], made.nothing(), SITE, 2)[0].external_id == "77"


def test_older_servers_are_asked_for_a_draft_before_they_cancel() -> None:
    void = made.Write(key=KEY, operation="void", external_id="77", raw=POSTED)
    assert asked(composed(void, version="16"))[:3] == ("account.move", "button_draft", [[77]])
    assert asked(composed(void))[1] == "web_search_read"


def test_the_currency_of_a_document_is_never_changed() -> None:
    assert "currency" in refusal(update(wanted(DRAFT, currency="EUR"), DRAFT, "currency"), step=2).explanation


def test_customers_are_changed_many_in_one_load_by_their_ids() -> None:
    raws = [made.sample("customer") | {"id": n} for n in (14, 15)]
    writes = [update(made.customer(email="new@okafor.example"), raw, "email") for raw in raws]
    assert table(composed(*writes, stream="customer")) == [
        {".id": "14", "email": "new@okafor.example"},
        {".id": "15", "email": "new@okafor.example"},
    ]


def test_an_emptied_text_is_emptied_and_an_emptied_reference_is_refused() -> None:
    raw = made.sample("customer")
    _, _, (columns, rows), _ = asked(composed(update(made.customer(email=None), raw, "email"), stream="customer"))
    assert rows[0][columns.index("email")] == ""
    assert "emptied" in refusal(update(made.customer(), raw, "payment_term"), stream="customer").explanation


def test_an_archived_customer_is_archived() -> None:
    raw = made.sample("customer")
    (row,) = table(composed(update(made.customer(active=False), raw, "active"), stream="customer"))
    assert row == {".id": "14", "active": "False"}
