"""Sound documents of real systems pass; each law catches the one thing it is about."""

import ast
import inspect
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from integrations.canonical import (
    KINDS,
    Address,
    Allocation,
    BillAllocation,
    BillPayment,
    CreditNote,
    CreditUse,
    Customer,
    Deposit,
    DepositLine,
    ExchangeRate,
    Invoice,
    JournalEntry,
    JournalLine,
    Line,
    Payment,
    Ref,
    Refund,
    RefundAllocation,
    StatisticalEntry,
    StatisticalLine,
    Tag,
    TaxSummary,
    broken_laws,
    laws,
    totals,
)
from tests.canonical.strategies import records

D = Decimal
DAY = date(2026, 1, 31)
ACME = Ref(external_id="58")
BANK = Ref(number="1000")


def line(net, **more):
    return Line(net_amount=D(net), **more)


def priced(quantity, price, net, **more):
    return line(net, quantity=D(quantity), unit_price=D(price), **more)


def invoice(*lines, currency="EUR", line_amounts="exclusive", **more):
    return Invoice(
        customer=ACME,
        issued_on=DAY,
        currency=currency,
        line_amounts=line_amounts,
        lines=list(lines),
        **{name: D(value) if isinstance(value, str) and name in FIGURES else value for name, value in more.items()},
    )


FIGURES = {
    "subtotal", "discount_total", "charge_total", "tax_total", "rounding", "total",
    "amount_paid", "amount_credited", "amount_withheld", "amount_due", "exchange_rate",
}  # fmt: skip

PLAIN = invoice(
    priced(2, "12.50", "25.00", tax_percent=D(21), tax_amount=D("5.25"), gross_amount=D("30.25")),
    priced(1, "75", "75.00", tax_percent=D(21), tax_amount=D("15.75"), gross_amount=D("90.75")),
    taxes=[TaxSummary(base=D("100.00"), rate_percent=D(21), amount=D("21.00"))],
    subtotal="100.00",
    tax_total="21.00",
    total="121.00",
    amount_paid="20.00",
    amount_credited="0",
    amount_due="101.00",
    status="partially_paid",
)
INCLUSIVE = invoice(
    Line(quantity=D(3), unit_price=D("9.99"), net_amount=D("24.77"), tax_amount=D("5.20"), gross_amount=D("29.97")),
    Line(quantity=D(1), unit_price=D("1.00"), net_amount=D("0.83"), tax_amount=D("0.17"), gross_amount=D("1.00")),
    line_amounts="inclusive",
    subtotal="25.60",
    tax_total="5.37",
    total="30.97",
)
THIRDS = [priced(1, "3.335", "3.34", tax_percent=D(20), tax_amount=D("0.67")) for _ in range(3)]
CREDIT = CreditNote(
    customer=ACME,
    issued_on=DAY,
    currency="EUR",
    line_amounts="no_tax",
    lines=[line("100.00"), line("-10.00", description="restocking")],
    total=D("90.00"),
    applies_to=[CreditUse(invoice=Ref(external_id="9"), amount=D("50.00"))],
    remaining_credit=D("40.00"),
)


def payment(amount="100.00", *allocations, **more):
    return Payment(
        customer=ACME,
        paid_on=DAY,
        amount=D(amount),
        currency="EUR",
        allocations=[
            Allocation(kind=kind, target=Ref(external_id=str(n)), amount=D(sum_))
            for n, (kind, sum_) in enumerate(allocations)
        ],
        **more,
    )


def deposit(amount, *lines, **more):
    return Deposit(deposit_account=BANK, deposited_on=DAY, amount=D(amount), currency="EUR", lines=list(lines), **more)


def entry(*lines, **more):
    return JournalEntry(posted_on=DAY, currency="EUR", lines=list(lines), **more)


def debit(amount, **more):
    return JournalLine(account=BANK, debit=D(amount), **more)


def credit(amount, **more):
    return JournalLine(account=Ref(number="4000"), credit=D(amount), **more)


REFUND = Refund(
    customer=ACME,
    refunded_on=DAY,
    amount=D("12.10"),
    currency="EUR",
    allocations=[RefundAllocation(kind="credit_note", target=Ref(external_id="7"), amount=D("12.10"))],
    lines=[priced(1, "10", "10.00", tax_amount=D("2.10"))],
    subtotal=D("10.00"),
    tax_total=D("2.10"),
)
ENTRY = entry(debit("100.00"), credit("60.00"), credit("40.00"), status="posted")

SOUND = {
    "an invoice with everything told": PLAIN,
    "prices with tax": INCLUSIVE,
    "sales tax told for the whole only": invoice(line("10.00"), line("20.00"), tax_total="2.48", total="32.48"),
    "a total alone": invoice(line("10.00"), total="99.00"),
    "tax rounded on each line": invoice(*THIRDS, subtotal="10.02", tax_total="2.01", total="12.03"),
    "tax rounded on the whole": invoice(*THIRDS, subtotal="10.02", tax_total="2.00", total="12.02"),
    "a cent named as rounding": invoice(
        *THIRDS, subtotal="10.02", tax_total="2.00", rounding="0.01", total="12.03", amount_paid="0", amount_due="12.03"
    ),
    "cash rounding within the total": invoice(
        line("10.03"),
        line_amounts="no_tax",
        currency="CHF",
        rounding="0.02",
        total="10.05",
        amount_paid="0",
        amount_due="10.05",
    ),
    "cash rounding after the total": invoice(
        line("10.03"),
        line_amounts="no_tax",
        currency="CHF",
        rounding="0.02",
        total="10.03",
        amount_paid="0",
        amount_due="10.05",
    ),
    "rounded to the coin in use": invoice(
        line("1002"), line_amounts="no_tax", currency="HUF", rounding="-2", total="1000"
    ),
    "a price that is a quotient": invoice(
        priced(30000, "0.33333", "10000.00"), total="10000.00", line_amounts="no_tax"
    ),
    "a price for a hundred": invoice(priced(250, "8.00", "20.00", price_base_quantity=D(100))),
    "halves rounded to even": invoice(priced(1, "0.125", "0.12")),
    "a discount in percent of the line": invoice(priced(3, "9.99", "26.97", discount_percent=D(10))),
    "a discount in money and percent": invoice(
        priced(3, "10", "27.00", discount_percent=D(10), discount_amount=D("3.00"))
    ),
    "goods that come back": invoice(
        priced(2, "10", "20.00"), priced(-3, "10", "-30.00"), line_amounts="no_tax", total="-10.00"
    ),
    "a discount line that the subtotal counts": invoice(
        line("100.00"), line("-10.00", line_type="discount"), subtotal="90.00", tax_total="0", total="90.00"
    ),
    "a discount line that discount_total sums up": invoice(
        line("100.00"),
        line("-10.00", line_type="discount"),
        subtotal="100.00",
        discount_total="10.00",
        tax_total="0",
        total="90.00",
    ),
    "discount and freight told as totals only": invoice(
        line("100.00", tax_amount=D("20.00")),
        subtotal="100.00",
        discount_total="10.00",
        charge_total="5.00",
        tax_total="19.00",
        total="114.00",
    ),
    "texts and subtotals between": invoice(
        line("5.00"), Line(line_type="text", description="thanks"), line("5.00", line_type="subtotal"), subtotal="5.00"
    ),
    "a line whose amount is not told": invoice(line("5.00"), Line(description="?"), subtotal="7.00"),
    "a tax set by hand": invoice(line("100.00", tax_percent=D(20), tax_amount=D("19.00"), tax_override=True)),
    "taxes of lines lowered by the whole's discount": invoice(
        line("100.00", tax_percent=D(20), tax_amount=D("18.00")),
        subtotal="100.00",
        discount_total="10.00",
        tax_total="18.00",
        total="108.00",
    ),
    "yen": invoice(priced(3, "333.3", "1000"), currency="JPY", line_amounts="no_tax", total="1000"),
    "zeros beyond the decimals": invoice(line("5.0000"), subtotal="5.000"),
    "a credit used that is not told": invoice(
        line("9.00"), line_amounts="no_tax", total="9.00", amount_paid="5.00", amount_due="1.00"
    ),
    "tax withheld by the payer": invoice(
        line("100.00"),
        line_amounts="no_tax",
        total="100.00",
        amount_paid="0",
        amount_credited="0",
        amount_withheld="15.00",
        amount_due="85.00",
    ),
    "paid too much": invoice(
        line("9.00"), line_amounts="no_tax", total="9.00", amount_paid="10.00", amount_due="-1.00", status="paid"
    ),
    "void, with its figures set to nought": replace(PLAIN, status="void", total=D(0), amount_due=D(0)),
    "a draft without lines": invoice(status="draft"),
    "a credit note less a fee": CREDIT,
    "a payment": payment("100.00", ("invoice", "60.00"), unapplied_amount=D("40.00")),
    "a payment of nothing that uses a credit": payment("0", ("invoice", "60.00"), ("credit_note", "60.00")),
    "a payment with an entry": payment(
        "50.00", ("invoice", "60.00"), ("journal_entry", "10.00"), unapplied_amount=D(0)
    ),
    "a refund with lines": REFUND,
    "a payout less fees": deposit(
        "95.00",
        DepositLine(kind="payment", target=Ref(external_id="1"), amount=D("120.00")),
        DepositLine(kind="refund", target=Ref(external_id="2"), amount=D("-20.00")),
        fee_total=D("5.00"),
    ),
    "an entry": ENTRY,
    "an entry in two currencies": entry(
        debit("10.00"), credit("10.00"), debit("7.00", currency="USD"), credit("7.00", currency="USD")
    ),
    "a draft entry that does not balance yet": entry(debit("1.00"), status="draft"),
    "heads": StatisticalEntry(posted_on=DAY, lines=[StatisticalLine(account=BANK, quantity=D(-3))]),
}


@pytest.mark.parametrize("record", SOUND.values(), ids=SOUND)
def test_sound_documents_of_real_systems_pass(record):
    assert broken_laws(record) == []


BROKEN = [
    ("currency", "currency", replace(PLAIN, currency="EURO")),
    ("currency", "lines[0].currency", entry(debit("1.00", currency="x"), credit("1.00", currency="x"))),
    ("decimals", "total", replace(PLAIN, total=D("121.001"))),
    ("decimals", "lines[0].net_amount", invoice(line("12.5"), currency="JPY")),
    ("rate", "exchange_rate", replace(PLAIN, exchange_rate=D(0))),
    ("rate", "rate", ExchangeRate(currency="USD", home_currency="EUR", rate=D("-0.9"), effective_on=DAY)),
    ("country", "billing_address.country", Customer(name="Acme", billing_address=Address(country="Germany"))),
    ("reference", "customer", replace(PLAIN, customer=Ref())),
    ("reference", "lines[0].dimensions[0].value", invoice(line("1.00", dimensions=[Tag(type="class", value=Ref())]))),
    ("reference", "sales_orders[0]", replace(PLAIN, sales_orders=[Ref(name="")])),
    ("reference", "lines[0].target", deposit("5.00", DepositLine(kind="payment", amount=D("5.00")))),
    ("name", "name", Customer(name="  ")),
    ("has-lines", "lines", invoice(status="sent")),
    ("has-lines", "lines", StatisticalEntry(posted_on=DAY, lines=[])),
    ("lines-once", "lines[1].external_id", invoice(line("1.00", external_id="7"), line("1.00", external_id="7"))),
    ("lines-once", "lines[1].key", invoice(line("1.00", key="a"), line("1.00", key="a"))),
    ("text-line", "lines[1]", invoice(line("5.00"), line("5.00", line_type="text"), subtotal="5.00")),
    ("line-amount", "lines[0].net_amount", invoice(priced(2, "12.50", "24.99"))),
    ("line-amount", "lines[0].net_amount", invoice(priced(2, "12.500000", "25.01"))),
    ("line-amount", "lines[0].net_amount", invoice(priced(3, "10", "30.00", discount_percent=D(10)))),
    ("line-amount", "lines[0].gross_amount", replace(INCLUSIVE, lines=[replace(INCLUSIVE.lines[0], quantity=D(2))])),
    ("line-gross", "lines[0].gross_amount", invoice(line("10.00", tax_amount=D("2.00"), gross_amount=D("12.01")))),
    ("line-tax", "lines[0].tax_amount", invoice(line("100.00", tax_percent=D(20), tax_amount=D("20.01")))),
    ("no-tax", "tax_total", invoice(line("10.00"), line_amounts="no_tax", tax_total="2.00")),
    ("no-tax", "lines[0].tax_amount", invoice(line("10.00", tax_amount=D("2.00")), line_amounts="no_tax")),
    ("subtotal", "subtotal", invoice(line("10.00"), line("20.00"), subtotal="30.01")),
    ("subtotal", "subtotal", invoice(line("10.00"), line("20.00"), subtotal="30.03", rounding="0.01")),
    (
        "discount-total",
        "discount_total",
        invoice(line("9.00"), line("-1.00", line_type="discount"), discount_total="2.00"),
    ),
    ("charge-total", "charge_total", invoice(line("9.00"), line("1.00", line_type="shipping"), charge_total="2.00")),
    ("tax-of-base", "taxes[0].amount", replace(PLAIN, taxes=[replace(PLAIN.taxes[0], base=D("110.00"))])),
    ("tax-total", "tax_total", invoice(line("10.00"), taxes=[TaxSummary(amount=D("2.00"))], tax_total="2.01")),
    ("line-taxes", "tax_total", invoice(*THIRDS, tax_total="2.04")),
    ("line-taxes", "tax_total", invoice(line("10.00", tax_amount=D("2.00")), tax_total="2.01")),
    ("rounding", "rounding", invoice(line("10.00"), rounding="0.51")),
    ("total", "total", replace(PLAIN, total=D("121.01"))),
    ("total", "total", invoice(line("10.00"), tax_total="2.00", total="12.01")),
    ("total", "total", invoice(line("10.00"), tax_total="2.00", rounding="0.01", total="12.02")),
    ("total", "amount", replace(REFUND, amount=D("12.11"))),
    ("total", "amount", deposit("5.00", DepositLine(amount=D("5.00")), fee_total=D("1.00"))),
    ("gross-lines", "total", replace(INCLUSIVE, total=D("30.98"), subtotal=None)),
    ("amount-due", "amount_due", replace(PLAIN, amount_due=D("100.99"))),
    ("amount-due", "amount_due", replace(PLAIN, amount_credited=None, amount_due=D("101.01"))),
    (
        "amount-due",
        "amount_due",
        invoice(line("10.00"), line_amounts="no_tax", rounding="0.02", total="10.02", amount_due="10.04"),
    ),
    ("status", "amount_due", replace(PLAIN, status="paid")),
    ("status", "amount_due", replace(PLAIN, amount_paid=D("121.00"), amount_due=D(0))),
    (
        "positive",
        "total",
        replace(CREDIT, lines=[line("-90.00")], total=D("-90.00"), applies_to=[], remaining_credit=None),
    ),
    ("positive", "lines", replace(CREDIT, lines=[line("-90.00")], total=None)),
    ("positive", "amount", payment("-1.00")),
    ("positive", "allocations[0].amount", payment("5.00", ("invoice", "-5.00"))),
    ("positive", "lines[0].debit", entry(debit("-5.00"), credit("-5.00"))),
    ("allocated", "applies_to", replace(CREDIT, remaining_credit=D("40.01"))),
    ("allocated", "allocations", payment("60.00", ("invoice", "60.01"))),
    ("allocated", "allocations", replace(REFUND, allocations=[replace(REFUND.allocations[0], amount=D("12.11"))])),
    (
        "allocated",
        "allocations",
        BillPayment(
            vendor=ACME,
            paid_on=DAY,
            amount=D("5.00"),
            currency="EUR",
            allocations=[BillAllocation(kind="bill", target=Ref(external_id="1"), amount=D("5.01"))],
        ),
    ),
    ("unapplied", "unapplied_amount", payment("60.00", ("invoice", "50.00"), unapplied_amount=D("9.99"))),
    ("fee", "fee_amount", payment("5.00", fee_amount=D("5.01"))),
    ("one-side", "lines[0]", entry(debit("5.00", credit=D("5.00")), credit("5.00"))),
    ("one-side", "lines[0]", entry(JournalLine(account=BANK), credit("5.00"))),
    ("two-sides", "lines", entry(debit("0"), status="posted")),
    ("balance", "lines", replace(ENTRY, lines=[debit("100.00"), credit("99.99")])),
    ("balance", "lines", entry(debit("10.00"), credit("10.00", currency="USD"))),
]


@pytest.mark.parametrize(("law", "path", "record"), BROKEN, ids=[f"{law} at {path}" for law, path, _ in BROKEN])
def test_each_law_catches_what_it_is_about(law, path, record):
    breaches = broken_laws(record)
    assert (law, path) in {(each.law, each.path) for each in breaches}
    assert all(each.message for each in breaches)


def test_every_law_has_a_case_that_breaks_it():
    """The laws are read from the source: the second word said of every breach."""
    said = {
        call.args[1].value
        for module in (laws, totals)
        for call in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(call, ast.Call) and getattr(call.func, "id", None) == "Breach"
    }
    assert said == {law for law, _, _ in BROKEN}


@given(st.sampled_from(sorted(KINDS)).flatmap(records), st.sampled_from(["EUR", "JPY", "nonsense"]))
def test_any_record_can_be_judged(record, currency):
    if "currency" in record.__struct_fields__:
        record = replace(record, currency=currency)
    assert all(each.law and each.message for each in broken_laws(record))


def test_what_is_void_is_not_added_up_but_still_needs_a_currency():
    assert broken_laws(replace(PLAIN, status="void", total=D("1.00"))) == []
    assert [each.law for each in broken_laws(replace(PLAIN, status="void", currency="??"))] == ["currency"]


def test_one_wrong_figure_is_said_once():
    (breach,) = broken_laws(invoice(priced(2, "12.50", "25.00"), tax_total="5.25", total="30.26"))
    assert (breach.path, breach.law) == ("total", "total")
    assert breach.message.startswith("30.26 is not the 30.25 that net, tax and rounding come to")
