"""Whatever good qbXML comes, with references to what is really there: an answer by the grammar, and books that add up."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from integrations.connectors.quickbooks_desktop.simulator import QuickBooksDesktop
from integrations.connectors.quickbooks_desktop.simulator.kinds import LISTS, REFERS_TO, TXNS
from tests.connectors.quickbooks_desktop.simulated import needs_contract, problems, schema
from tests.connectors.quickbooks_desktop.test_simulator_grammar import NAMES, Maker, text_of

MONEY = ("Amount", "PaymentAmount", "AppliedAmount", "TotalAmount", "DiscountAmount")
PROGRAM = QuickBooksDesktop()  # one for all examples: what each leaves behind is there for the next


def meant(root: Any, chance: random.Random) -> None:
    """Lets a document that was made at random speak of what is there."""
    for each in list(root.iter()):
        if each.getparent() is None:
            continue
        if each.tag in REFERS_TO or each.tag == "ParentRef":
            name(each, REFERS_TO.get(each.tag, tuple(LISTS)), chance)
        elif each.tag.endswith("Ref") or "LineGroup" in each.tag or each.tag == "IncludeRetElement":
            each.getparent().remove(each)
        elif each.tag in MONEY:
            each.text = chance.choice(["1.00", "2.50", "10", "0.01", "100.00"])
        elif each.tag in ("Name", "Initial"):
            each.text = f"n{chance.randint(0, 99)}"
        elif each.tag in ("TxnID", "ListID", "CreditTxnID", "LinkToTxnID"):
            identify(each, chance)


def name(reference: Any, kinds: tuple[str, ...], chance: random.Random) -> None:
    names = [full for (full, kind) in PROGRAM.store.run("select full, kind from listed") if kind in kinds]
    for child in list(reference):
        reference.remove(child)
    etree.SubElement(reference, "FullName").text = chance.choice(names or ["nobody"])


def identify(element: Any, chance: random.Random) -> None:
    """The id of something there, and where it is to be changed its present edit sequence and lines."""
    parent = element.getparent()
    kind = parent.tag.removesuffix("Mod")
    table = "listed" if element.tag == "ListID" else "txn"
    rows = [
        id
        for (id, its) in PROGRAM.store.run(f"select id, kind from {table}")
        if its == kind or not parent.tag.endswith("Mod")
    ]
    if not rows:
        return
    element.text = chance.choice(rows)
    row = PROGRAM.company.get(kind, element.text)
    sequence = parent.find("EditSequence")
    if row is not None and sequence is not None:
        sequence.text = str(row.version)
    if row is not None and kind in TXNS:
        members = [stem if stem == "JournalDebitLine" else f"{stem}Ret" for stem in TXNS[kind].lines]
        lines = [line["TxnLineID"] for member in members for line in row.body.get(member, [])]
        for line in parent.findall("*/TxnLineID"):
            line.text = chance.choice([*lines, "-1"])


@needs_contract
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3), seed=st.integers(0, 2**32))
def test_any_good_document_gets_a_good_answer_and_leaves_books_that_add_up(names: list[str], seed: int) -> None:
    chance = random.Random(seed)
    made = Maker(chance).document(*names)
    meant(made, chance)
    if not schema().validate(made):  # a choice lost its only member, or a name is too long there
        return

    done = PROGRAM.process(text_of(made))

    assert done.hresult == ""
    assert problems(done.response) == []
    assert PROGRAM.trial()["sum"] == 0
