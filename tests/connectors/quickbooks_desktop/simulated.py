"""Words for the tests of the simulated QuickBooks Desktop: ask it something, and judge what it says by the vendor's contract."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from integrations.connectors.quickbooks_desktop.simulator import QuickBooksDesktop

SPECS = Path(__file__).parents[4] / "shared" / "specs" / "quickbooks_desktop"
needs_contract = pytest.mark.skipif(not SPECS.is_dir(), reason="left out: shared/ is not beside the project")
XS = "{http://www.w3.org/2001/XMLSchema}"


@cache
def xsd() -> Any:
    """The vendor's grammar as a schema document."""
    return etree.parse(str(SPECS / "derived" / "qbxml140_us_accounting.xsd"))


@cache
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(xsd())


def problems(document: str) -> list[str]:
    """What is wrong with an answer by the vendor's grammar; nothing is known where the contract is not there."""
    if not SPECS.is_dir():
        return []
    schema().validate(etree.fromstring(document.encode()))
    return [f"{each.line}: {each.message}" for each in schema().error_log]


def document(inside: str, attributes: str = 'onError="stopOnError"') -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><?qbxml version="13.0"?>'
        f"<QBXML><QBXMLMsgsRq {attributes}>{inside}</QBXMLMsgsRq></QBXML>"
    )


class Books:
    """A simulated QuickBooks to which requests are sent one by one; every answer must be good qbXML."""

    def __init__(self, program: QuickBooksDesktop) -> None:
        self.program = program

    def answers(self, *requests: str, attributes: str = 'onError="stopOnError"') -> list[etree._Element]:
        """The answers to a set of requests."""
        sent = document("".join(requests), attributes)
        assert problems(sent) == []
        done = self.program.process(sent)
        assert done.hresult == "", done.message
        assert problems(done.response) == []
        (answers,) = etree.fromstring(done.response.encode())
        return list(answers)

    def ask(self, request: str) -> etree._Element:
        (answer,) = self.answers(request)
        return answer

    def status(self, request: str) -> int:
        return code(self.ask(request))

    def ret(self, request: str) -> dict[str, Any]:
        """The one record that an answer holds."""
        answer = self.ask(request)
        assert answer.get("statusSeverity") != "Error", answer.get("statusMessage")
        (found,) = answer
        return plain(found)

    def rets(self, request: str) -> list[dict[str, Any]]:
        return [plain(each) for each in self.ask(request)]

    # what most stories begin with

    def customer(self, name: str = "Okafor Garden", more: str = "") -> dict[str, Any]:
        return self.ret(f"<CustomerAddRq><CustomerAdd><Name>{name}</Name>{more}</CustomerAdd></CustomerAddRq>")

    def vendor(self, name: str = "Pine Supplies", more: str = "") -> dict[str, Any]:
        return self.ret(f"<VendorAddRq><VendorAdd><Name>{name}</Name>{more}</VendorAdd></VendorAddRq>")

    def item(self, name: str = "Lantern", price: str = "10.00") -> dict[str, Any]:
        sale = f"<Price>{price}</Price><AccountRef><FullName>Sales</FullName></AccountRef>"
        return self.ret(
            f"<ItemNonInventoryAddRq><ItemNonInventoryAdd><Name>{name}</Name><SalesOrPurchase>{sale}</SalesOrPurchase>"
            "</ItemNonInventoryAdd></ItemNonInventoryAddRq>"
        )

    def invoice(
        self, *lines: str, head: str = "", customer: str = "Okafor Garden", kind: str = "Invoice"
    ) -> dict[str, Any]:
        inside = f"<CustomerRef><FullName>{customer}</FullName></CustomerRef>{head}{''.join(lines)}"
        return self.ret(f"<{kind}AddRq><{kind}Add>{inside}</{kind}Add></{kind}AddRq>")


def line(
    item: str = "Lantern", *, quantity: str = "2", rate: str = "10.00", tax: str = "Non", kind: str = "Invoice"
) -> str:
    return (
        f"<{kind}LineAdd><ItemRef><FullName>{item}</FullName></ItemRef><Quantity>{quantity}</Quantity><Rate>{rate}</Rate>"
        f"<SalesTaxCodeRef><FullName>{tax}</FullName></SalesTaxCodeRef></{kind}LineAdd>"
    )


def code(answer: etree._Element) -> int:
    return int(answer.get("statusCode", "-1"))


def plain(element: etree._Element) -> dict[str, Any]:
    """An element as a dictionary: text, a dictionary, or a list of them where a name comes again."""
    found: dict[str, Any] = {}
    for child in element:
        value: Any = plain(child) if len(child) else child.text or ""
        if child.tag in found or re.search(
            r"(LineRet|LinkedTxn|AppliedToTxnRet|DataExtRet|DebitLine|CreditLine)$", child.tag
        ):
            found.setdefault(child.tag, []).append(value)
        else:
            found[child.tag] = value
    return found
