"""The European norm's own rules of calculation, read from its rule set, agree with the laws."""

import gzip
import re
from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from integrations.canonical import Invoice, Line, Ref, TaxSummary, broken_laws

RULES = Path(__file__).resolve().parents[3] / "shared/specs/en16931/CEN-EN16931-UBL-1.3.14.1.sch.gz"
CENT = Decimal("0.01")
pytestmark = pytest.mark.skipif(not RULES.exists(), reason="left out: shared/ is not beside the project")

cents = st.decimals(0, 10_000, places=2)
rates = st.sampled_from([Decimal(0), Decimal(7), Decimal("5.5"), Decimal(21)])
priced = st.fixed_dictionaries(
    {
        "quantity": st.decimals(-50, 50, places=2),
        "price": st.decimals(0, 500, places=4),
        "allowance": st.just(Decimal(0)) | st.decimals(0, 5, places=2),
        "rate": rates,
    }
)
whole = st.fixed_dictionaries({"amount": st.decimals(CENT, 100, places=2), "rate": rates})


@st.composite
def invoices(draw):
    """An invoice whose totals are what the formulas of the rule set say."""
    lines = draw(st.lists(priced, min_size=1, max_size=6))
    allowances, charges = draw(st.lists(whole, max_size=2)), draw(st.lists(whole, max_size=2))
    terms = defaultdict(list)  # business terms of the norm, BT-131 and so on
    bases = defaultdict(Decimal)
    for each in lines:
        each["net"] = _rounded(each["quantity"] * each["price"] - each["allowance"])
        terms["131"].append(each["net"])
        bases[each["rate"]] += each["net"]
    for term, sign, group in (("92", -1, allowances), ("99", 1, charges)):
        for each in group:
            terms[term].append(each["amount"])
            bases[each["rate"]] += sign * each["amount"]
    taxes = []
    for rate, base in bases.items():
        taxes.append(TaxSummary(base=base, rate_percent=rate, amount=_rounded(base * rate / 100)))
        terms["117"].append(taxes[-1].amount)
    terms["113"] = [draw(cents)]
    terms["114"] = [draw(st.just(Decimal(0)) | st.decimals(Decimal("-0.5"), Decimal("0.5"), places=2))]
    for term, formula in formulas():
        terms[term] = [sum((sign * sum(terms[part], Decimal(0)) for sign, part in formula), Decimal(0))]
    told = {name: terms[term][0] for name, term in FIGURES.items()}
    return Invoice(
        customer=Ref(name="Buyer"),
        issued_on=date(2026, 1, 31),
        currency="EUR",
        line_amounts="exclusive",
        lines=[
            *(
                Line(
                    quantity=each["quantity"],
                    unit_price=each["price"],
                    discount_amount=each["allowance"] or None,
                    net_amount=each["net"],
                )
                for each in lines
            ),
            *(Line(line_type="discount", net_amount=-each["amount"]) for each in allowances),
            *(Line(line_type="charge", net_amount=each["amount"]) for each in charges),
        ],
        taxes=taxes,
        rounding=terms["114"][0],
        amount_paid=terms["113"][0],
        amount_credited=Decimal(0),
        **told,
    )


FIGURES = {
    "subtotal": "106",
    "discount_total": "107",
    "charge_total": "108",
    "tax_total": "110",
    "total": "112",
    "amount_due": "115",
}


@given(invoices())
def test_an_invoice_by_the_norm_keeps_every_law(invoice):
    assert broken_laws(invoice) == []


@given(invoices(), st.sampled_from(sorted(FIGURES)), st.decimals(-50, 50, places=2))
def test_no_figure_of_it_may_be_another(invoice, name, change):
    assume(change)
    assume((name, change) != ("total", invoice.rounding))  # which is the same invoice with its rounding in the total
    assert broken_laws(replace(invoice, **{name: getattr(invoice, name) + change}))


def test_the_rule_set_tells_the_formulas_of_every_total():
    assert {term for term, _ in formulas()} == {"106", "107", "108", "109", "110", "112", "115"}


@cache
def formulas():
    """The sums of the rule set in its order: the term, and the terms it is made of with their signs."""
    text = gzip.decompress(RULES.read_bytes()).decode()
    found = dict(re.findall(r"\[(BR-CO-1[0-6])\][^=<]*?\(BT-\d+\) (=[^<]*)", text))
    targets = dict(re.findall(r"\[(BR-CO-1[0-6])\][^=<]*?\(BT-(\d+)\) =", text))
    return [
        (
            targets[rule],
            [(-1 if sign == "-" else 1, term) for sign, term in re.findall(r"([=+-])[^()]*\(BT-(\d+)\)", found[rule])],
        )
        for rule in sorted(found)
    ]


def _rounded(amount):
    return amount.quantize(CENT, ROUND_HALF_UP)
