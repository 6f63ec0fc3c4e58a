"""Sales and purchase taxes on a document: the vendor's sums, the client's overrides, and what US companies get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .company import Body, Company, digits, rounded, shown, trimmed
from .faults import Fault

NO_RATE = "Business Validation Error: Make sure all your transactions have a VAT rate before you save."


@dataclass(slots=True)
class _Share:
    """What one tax rate falls on, and the tax."""

    percent: Decimal
    net: Decimal = Decimal()
    tax: Decimal = Decimal()
    given: Decimal = Decimal()  # tax already decided by tax-inclusive lines
    given_net: Decimal = Decimal()


def work_out(company: Company, body: Body, *, purchase: bool) -> Decimal:
    """Writes `TxnTaxDetail` and returns the tax to add to the lines.

    Raises Fault 6000 for a taxed line without code, 6100 and 6160 for codes and rates that do not fit.
    """
    sent = body.pop("TxnTaxDetail", None) or {}
    if company.settings.is_us:
        if purchase:
            return Decimal()
        detail = _us_detail(company, body, sent)
    elif body.get("GlobalTaxCalculation") == "NotApplicable":
        detail = {"TotalTax": 0}
    else:
        body.setdefault("GlobalTaxCalculation", "TaxExcluded")
        detail = _detail(company, body, sent, purchase=purchase)
    body["TxnTaxDetail"] = detail
    return Decimal(detail["TotalTax"])


def _detail(company: Company, body: Body, sent: Body, *, purchase: bool) -> Body:
    places = digits(company.currency_of(body))
    inclusive = body["GlobalTaxCalculation"] == "TaxInclusive"
    taxed = list(_taxed_lines(body))
    kept = _kept_after_discount(body, taxed)
    shares: dict[str, _Share] = {}
    for line in taxed:
        detail = line[line["DetailType"]]
        if "TaxCodeRef" not in detail:
            raise Fault("6000", NO_RATE, element="")
        rates = _rates(company, detail["TaxCodeRef"]["value"], purchase=purchase)
        net = Decimal(line["Amount"])
        if inclusive and detail.get("TaxInclusiveAmt"):
            gross = Decimal(detail["TaxInclusiveAmt"])
            exact = rounded(gross / (1 + sum((percent for _, percent in rates), Decimal()) / 100), places)
            if abs(exact - net) > Decimal("0.01"):
                raise Fault("6070", f"Amount {net} is not TaxInclusiveAmt {gross} without its tax ({exact}).")
            if len(rates) == 1:
                share = shares.setdefault(rates[0][0], _Share(rates[0][1]))
                share.given += (gross - net) * kept
                share.given_net += net * kept
                continue
        for rate, percent in rates:
            shares.setdefault(rate, _Share(percent)).net += net * kept
    for share in shares.values():
        share.tax = rounded(share.net * share.percent / 100, places) + rounded(share.given, places)
    _override(shares, sent)
    total = sum((share.tax for share in shares.values()), Decimal())
    if "TaxLine" in sent and "TotalTax" in sent and Decimal(sent["TotalTax"]) != total:
        raise Fault(
            "6000", f"Business Validation Error: TotalTax {sent['TotalTax']} is not the sum of the tax lines {total}."
        )
    return _written(shares, places)


def _us_detail(company: Company, body: Body, sent: Body) -> Body:
    code = sent.get("TxnTaxCodeRef", {}).get("value")
    if code is None and company.settings.automated_sales_tax:
        customer = company.store.get(company.realm, "Customer", body.get("CustomerRef", {}).get("value", ""))
        if customer is not None and customer.body["Taxable"]:
            code = customer.body.get("DefaultTaxCodeRef", {}).get("value")
    if code is None:
        return {"TotalTax": 0}
    taxed = [
        line for line in _taxed_lines(body) if line[line["DetailType"]].get("TaxCodeRef", {}).get("value") == "TAX"
    ]
    kept = _kept_after_discount(body, taxed) if body.get("ApplyTaxAfterDiscount") else Decimal(1)
    net = sum((Decimal(line["Amount"]) for line in taxed), Decimal()) * kept
    shares = {rate: _Share(percent, net=net) for rate, percent in _rates(company, code, purchase=False)}
    for share in shares.values():
        share.tax = rounded(share.net * share.percent / 100)
    if not company.settings.automated_sales_tax and "TotalTax" in sent and shares:
        rest = Decimal(sent["TotalTax"]) - sum((share.tax for share in shares.values()), Decimal())
        next(iter(shares.values())).tax += rest
    if not taxed:
        return {"TotalTax": 0}
    return {"TxnTaxCodeRef": {"value": code}, **_written(shares, 2)}


def _taxed_lines(body: Body) -> Iterator[Body]:
    for line in body["Line"]:
        if line["DetailType"] == "GroupLineDetail":
            yield from line["GroupLineDetail"].get("Line", [])
        elif line["DetailType"].endswith(("ItemLineDetail", "ExpenseLineDetail")):
            yield line


def _kept_after_discount(body: Body, taxed: list[Body]) -> Decimal:
    """The part of each line that is left when the document's discount is spread over them."""
    discount = sum(
        (Decimal(line["Amount"]) for line in body["Line"] if line["DetailType"] == "DiscountLineDetail"), Decimal()
    )
    total = sum((Decimal(line["Amount"]) for line in taxed), Decimal())
    return 1 - discount / total if discount and total else Decimal(1)


def _rates(company: Company, code: str, *, purchase: bool) -> list[tuple[str, Decimal]]:
    row = company.store.get(company.realm, "TaxCode", code)
    if row is None:
        raise Fault("6100", f"Invalid tax code. Tax code id {code} was not found")
    details = row.body.get("PurchaseTaxRateList" if purchase else "SalesTaxRateList", {}).get("TaxRateDetail", [])
    rates = []
    for detail in details:
        rate = company.store.get(company.realm, "TaxRate", detail["TaxRateRef"]["value"])
        if rate is not None:
            rates.append((rate.id, Decimal(rate.body["RateValue"])))
    return rates


def _override(shares: dict[str, _Share], sent: Body) -> None:
    for line in sent.get("TaxLine", []):
        rate = line.get("TaxLineDetail", {}).get("TaxRateRef", {}).get("value")
        if rate not in shares:
            raise Fault("6160", f"Invalid tax rate. Tax rate id {rate} is not used by any line")
        shares[rate].tax = Decimal(line.get("Amount", 0))


def _written(shares: dict[str, _Share], places: int) -> Body:
    lines: list[dict[str, Any]] = [
        {
            "Amount": shown(share.tax),
            "DetailType": "TaxLineDetail",
            "TaxLineDetail": {
                "TaxRateRef": {"value": rate},
                "PercentBased": True,
                "TaxPercent": trimmed(share.percent),
                "NetAmountTaxable": shown(rounded(share.net + share.given_net, places)),
            },
        }
        for rate, share in shares.items()
    ]
    total = shown(sum((share.tax for share in shares.values()), Decimal()))
    return {"TotalTax": total, "TaxLine": lines} if lines else {"TotalTax": 0}
