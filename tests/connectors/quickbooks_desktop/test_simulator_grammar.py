"""The simulator's own table of the language against the vendor's grammar: what the one refuses, the other refuses."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from integrations.connectors.quickbooks_desktop.simulator import QuickBooksDesktop
from integrations.connectors.quickbooks_desktop.simulator.grammar import ANSWERS, REQUESTS, Unparsable, message_sets
from tests.connectors.quickbooks_desktop.simulated import XS, needs_contract, problems, schema, xsd

NAMES = sorted(name for name in REQUESTS.forms if name.endswith("Rq"))
GOOD = {
    "AMTTYPE": ("12.50", "-3", "+0.1"),
    "BOOLTYPE": ("true", "0"),
    "DATETIMETYPE": ("2026-09-14T10:31:02-05:00", "2026-09-14"),
    "DATETYPE": ("2026-09-14",),
    "QUANTYPE": ("2", "1.5", ""),
    "PRICETYPE": ("10.50", ".12345"),
    "PERCENTTYPE": ("8.25", "18.0%"),
    "FLOATTYPE": ("1.27", "2e3"),
    "INTTYPE": ("7", "-1", " 3 "),
    "Int_1_": ("1", "40"),
    "Int_1_12": ("12",),
    "Int_1_31": ("31",),
    "GUIDTYPE": ("0", "{5F0C1F0A-6F5E-4D7A-9C4A-0F7B6C0F9D11}"),
    "TIMEINTERVALTYPE": ("PT1H",),
    "xs:string": ("any text", ""),
    "xs:integer": ("5",),
}
ODD = ("", " ", "x", "true", "2", "1.234567", "12.345", "2026-9-1", "Ä€", "y" * 4200, "{0}", "0x1", "1e", "-", "%")


class Maker:
    """Documents made by walking the vendor's grammar, at random."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        root = xsd().getroot()
        self.types = {each.get("name"): each for each in root.findall(f"{XS}complexType")}
        self.words = {each.get("name"): each for each in root.findall(f"{XS}simpleType")}
        self.elements = {each.get("name"): each for each in root.find(f"{XS}element").iter(f"{XS}element")}

    def document(self, *names: str) -> Any:
        root = etree.Element("QBXML")
        requests = etree.SubElement(root, "QBXMLMsgsRq", onError=self.chance.choice(["stopOnError", "continueOnError"]))
        for name in names:
            self._element(requests, self.elements[name])
        return root

    def _element(self, parent: Any, declared: Any) -> None:
        made = etree.SubElement(parent, declared.get("name"))
        known = self.types.get(declared.get("type"))
        if known is None:
            made.text = self._value(declared.get("type"))
            return
        for attribute in known.findall(f"{XS}attribute"):
            words = [each.get("value") for each in attribute.iter(f"{XS}enumeration")]
            if self.chance.random() < 0.2:
                made.set(attribute.get("name"), self.chance.choice(words or ["r1"]))
        for part in known:
            self._particle(made, part)

    def _particle(self, parent: Any, part: Any) -> None:
        if part.tag == f"{XS}attribute":
            return
        least = int(part.get("minOccurs", "1"))
        most = 3 if part.get("maxOccurs") == "unbounded" else 1
        times = self.chance.randint(least, most) if least or self.chance.random() < 0.3 else 0
        for _ in range(times):
            if part.tag == f"{XS}element":
                self._element(parent, part)
            elif part.tag == f"{XS}sequence":
                for each in part:
                    self._particle(parent, each)
            else:
                self._particle(parent, self.chance.choice(list(part)))

    def _value(self, name: str) -> str:
        if name in GOOD:
            return self.chance.choice(GOOD[name])
        if name not in self.words:
            return ""
        words = [each.get("value") for each in self.words[name].iter(f"{XS}enumeration")]
        if words:
            return self.chance.choice(words)
        longest = int(self.words[name].find(f".//{XS}maxLength").get("value"))
        return "a" * self.chance.choice([0, 1, longest])


def mutate(root: Any, chance: random.Random) -> None:
    """Spoils something, which may or may not matter."""
    below = [each for each in root.iter() if each is not root and each.getparent() is not root]
    if not below:
        return
    victim = chance.choice(below)
    parent = victim.getparent()
    kind = chance.choice(["text", "text", "drop", "twice", "swap", "rename", "attribute", "longer", "loose"])
    if kind == "text" and not len(victim):
        victim.text = chance.choice(ODD)
    elif kind == "drop":
        parent.remove(victim)
    elif kind == "twice":
        victim.addnext(deepcopy(victim))
    elif kind == "swap":
        other = chance.choice(list(parent))
        at = parent.index(other)
        parent.remove(victim)
        parent.insert(at, victim)
    elif kind == "rename":
        victim.tag = chance.choice(["Name", "Memo", "ListID", "Nonsense", "FullName", "TxnDate"])
    elif kind == "attribute":
        victim.set(
            chance.choice(["requestID", "iterator", "metaData", "defMacro", "onError"]), chance.choice(["Start", "x"])
        )
    elif kind == "longer":
        victim.text = (victim.text or "") + "a"
    elif kind == "loose":
        victim.tail = "loose"


def text_of(root: Any) -> str:
    return f'<?xml version="1.0" encoding="utf-8"?><?qbxml version="13.0"?>{etree.tostring(root, encoding="unicode")}'


def parses(root: Any) -> bool:
    try:
        message_sets(text_of(root))
    except Unparsable:
        return False
    return True


@needs_contract
@pytest.mark.parametrize("name", NAMES)
def test_what_the_vendor_understands_is_understood(name: str) -> None:
    for seed in range(12):
        made = Maker(random.Random(f"{name}{seed}")).document(name)
        assert schema().validate(made), schema().error_log
        assert parses(made), etree.tostring(made)


@needs_contract
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(NAMES), seed=st.integers(0, 2**32), times=st.integers(1, 3))
def test_a_spoiled_document_is_refused_exactly_when_the_vendor_refuses_it(name: str, seed: int, times: int) -> None:
    chance = random.Random(seed)
    made = Maker(chance).document(name)
    for _ in range(times):
        mutate(made, chance)
    assert parses(made) == schema().validate(made), etree.tostring(made)


@needs_contract
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3), seed=st.integers(0, 2**32), spoil=st.booleans())
def test_every_document_gets_a_good_answer_or_is_not_parsed(names: list[str], seed: int, spoil: bool) -> None:
    chance = random.Random(seed)
    made = Maker(chance).document(*names)
    if spoil:
        mutate(made, chance)
    for each in made.findall(".//IncludeRetElement"):  # what is left out on purpose would be missed by the grammar
        each.getparent().remove(each)

    done = SHARED.process(text_of(made))

    if not schema().validate(made):
        assert (done.response, done.hresult) == ("", "0x80040400")
    else:
        assert done.hresult == ""
        assert problems(done.response) == []
        answers = list(etree.fromstring(done.response.encode())[0])
        assert [each.tag for each in answers] == [f"{str(each.tag)[:-2]}Rs" for each in made[0]]


@needs_contract
def test_members_of_answers_come_in_the_vendors_order() -> None:
    maker = Maker(random.Random(1))
    for name, form in ANSWERS.forms.items():
        declared = maker.types.get(f"T_{name}")
        if declared is None or name == "ErrorRecovery":
            continue
        order = [each.get("name") for each in declared.iter(f"{XS}element")]
        assert [member for member in order if member in form.children] == list(form.children), name


@pytest.mark.parametrize(
    ("spoiled", "by"),
    [
        ('<?qbxml version="13.0"?>', ""),
        ('<?qbxml version="13.0"?>', '<?qbxml version="12.0"?>'),
        ("<QBXML>", '<!DOCTYPE QBXML [<!ENTITY a "b">]><QBXML>'),
        ("<CustomerQueryRq/>", "<CheckAddRq/>"),
        ("<CustomerQueryRq/>", "&a;"),
        ("</QBXML>", ""),
        ("QBXMLMsgsRq", "QBXMLMsgsRs"),
        ("<QBXML>", '<QBXML xmlns="urn:x">'),
    ],
)
def test_what_the_grammar_does_not_say_is_refused_too(spoiled: str, by: str) -> None:
    good = (
        '<?xml version="1.0" encoding="utf-8"?><?qbxml version="13.0"?><QBXML><QBXMLMsgsRq onError="stopOnError">'
        "<CustomerQueryRq/></QBXMLMsgsRq></QBXML>"
    )
    assert SHARED.process(good).hresult == ""
    assert SHARED.process(good.replace(spoiled, by)).hresult == "0x80040400"


SHARED = QuickBooksDesktop()
