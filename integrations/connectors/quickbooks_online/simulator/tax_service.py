"""Tax codes and rates are created together, by a service of their own."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from .company import Body, Company, trimmed
from .entities import ENTITIES
from .faults import Fault
from .properties import accept


def create(company: Company, sent: Body, did: Callable[[str, str, str], None]) -> Body:
    """Makes a tax code with new or existing rates; the answer is not wrapped in an entity name.

    Raises Fault 2020 (parts missing), 2500 (no such rate or agency), 6240 (name taken).
    """
    sent = accept("TaxService", sent)
    with company.store.transaction():
        if not sent.get("TaxCode") or not sent.get("TaxRateDetails"):
            raise Fault(
                "2020", "Required parameter TaxCode or TaxRateDetails is missing in the request", element="TaxCode"
            )
        if _taken(company, "TaxCode", sent["TaxCode"]):
            raise Fault(
                "6240", "The name supplied already exists. : Another tax code is already using this name.", element=""
            )
        lists: dict[str, list[Body]] = {"Sales": [], "Purchase": []}
        shown = []
        for detail in sent["TaxRateDetails"]:
            rate = _rate(company, detail, did)
            side = detail.get("TaxApplicableOn", "Sales")
            if side not in lists:
                raise Fault(
                    "2170", f"Enumeration value {side} is not valid for TaxApplicableOn", element="TaxApplicableOn"
                )
            ref = {"value": rate["Id"], "name": rate["Name"]}
            lists[side].append({"TaxRateRef": ref, "TaxTypeApplicable": "TaxOnAmount", "TaxOrder": 0})
            shown.append(
                {"TaxRateName": rate["Name"], "TaxRateId": rate["Id"], "RateValue": rate["RateValue"],
                 "TaxAgencyId": rate["AgencyRef"]["value"], "TaxApplicableOn": side}
            )  # fmt: skip
        code = save_code(company, sent["TaxCode"], lists["Sales"], lists["Purchase"])
        did("create", "TaxCode", code["Id"])
        return {"TaxCode": code["Name"], "TaxCodeId": code["Id"], "TaxRateDetails": shown}


def save_rate(company: Company, name: str, percent: Decimal | str | int, agency: str) -> Body:
    """Keeps a tax rate."""
    body = {
        "Name": name, "Description": name, "Active": True, "RateValue": trimmed(Decimal(str(percent))),
        "AgencyRef": {"value": agency}, "SpecialTaxType": "NONE", "DisplayType": "ReadOnly",
    }  # fmt: skip
    return company.save(ENTITIES["TaxRate"], body).body


def save_code(
    company: Company, name: str, sales: list[Body], purchase: list[Body], *, id: str | None = None, taxable: bool = True
) -> Body:
    """Keeps a tax code with its rates."""
    body = {
        "Name": name, "Description": name, "Active": True, "Hidden": False, "Taxable": taxable, "TaxGroup": bool(sales or purchase),
        "SalesTaxRateList": {"TaxRateDetail": sales}, "PurchaseTaxRateList": {"TaxRateDetail": purchase},
    }  # fmt: skip
    return company.save(ENTITIES["TaxCode"], body, id=id).body


def _rate(company: Company, detail: Body, did: Callable[[str, str, str], None]) -> Body:
    if detail.get("TaxRateId"):
        row = company.store.get(company.realm, "TaxRate", detail["TaxRateId"])
        if row is None:
            raise Fault(
                "2500",
                f"Invalid Reference Id : TaxRates element id {detail['TaxRateId']} not found",
                element="TaxRateId",
            )
        return row.body
    for needed in ("TaxRateName", "RateValue", "TaxAgencyId"):
        if needed not in detail:
            raise Fault("2020", f"Required parameter {needed} is missing in the request", element=needed)
    if company.store.get(company.realm, "TaxAgency", detail["TaxAgencyId"]) is None:
        raise Fault(
            "2500",
            f"Invalid Reference Id : TaxAgencies element id {detail['TaxAgencyId']} not found",
            element="TaxAgencyId",
        )
    if _taken(company, "TaxRate", detail["TaxRateName"]):
        words = "Another tax rate is already using this \nname. Please use a different name."
        raise Fault("6240", f"The name supplied already exists. : {words}", element="")
    rate = save_rate(company, detail["TaxRateName"], detail["RateValue"], detail["TaxAgencyId"])
    did("create", "TaxRate", rate["Id"])
    return rate


def _taken(company: Company, kind: str, name: str) -> bool:
    return bool(
        company.store.rows(company.realm, kind, "active and lower(json_extract(body, '$.Name'))=lower(?)", name)
    )
