"""The vendor's contract as a judge of what we send: the derived schema, and by hand what it cannot see."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

SPECS = Path(__file__).parents[4] / "shared" / "specs" / "quickbooks_desktop"
needs_specs = pytest.mark.skipif(not SPECS.is_dir(), reason="left out: shared/ is not beside the project")

HEAD = re.compile(rb'^<\?xml version="1\.0"( encoding="utf-8")?\s*\?>\s*<\?qbxml version="13\.0"\?>')
LONGEST_SET_ID, LONGEST_REQUEST_ID = 23, 50


@cache
def listing() -> etree._Element:
    """The vendor's listing of all requests and answers, as a schema."""
    return etree.parse(str(SPECS / "derived" / "qbxml140_us_accounting.xsd")).getroot()


@cache
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(listing())


@cache
def service() -> etree.XMLSchema:
    """The schema inside the WSDL: of every call to us, and of every answer."""
    wsdl = etree.parse(str(SPECS / "QBWebConnectorSvc.wsdl"))
    types = wsdl.find(".//{http://www.w3.org/2001/XMLSchema}schema")
    assert types is not None
    return etree.XMLSchema(etree.fromstring(etree.tostring(types)))


def problems(document: bytes) -> list[str]:
    """What QuickBooks would refuse in a document of requests."""
    tree = etree.fromstring(document)
    found = [] if tree.tag == "QBXML" else ["the root must be QBXML"]
    if not HEAD.match(document):
        found.append("the processing instruction qbxml is missing")
    for element in tree.iter(etree.Element):
        text = element.text or ""
        if any(ord(character) > 255 for character in text):
            found.append(f"text outside ISO 8859-1 in {element.tag}: {text!r}")
        if str(element.tag).endswith("Ref") and len(element) == 0:
            found.append(f"an empty reference: {element.tag}")
        if len(element.get("newMessageSetID", "")) > LONGEST_SET_ID:
            found.append("the id of the message set is too long")
        if len(element.get("requestID", "")) > LONGEST_REQUEST_ID:
            found.append("the id of a request is too long")
    schema().validate(tree)
    return found + [f"{each.line}: {each.message}" for each in schema().error_log]


def recorded(name: str) -> bytes:
    return (SPECS / "recorded" / f"{name}.xml").read_bytes()
