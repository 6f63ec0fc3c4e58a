"""The simulator's models against the contract: every field, type, relation and choice is the server's own."""

from __future__ import annotations

import pytest

from integrations.connectors.odoo.simulator import Odoo
from integrations.connectors.odoo.simulator.tables import MODELS

from . import contract
from .asking import Caller

pytestmark = contract.needs_contract


@pytest.mark.parametrize("version", [16, 17])
def test_every_field_relation_and_choice_is_the_servers(version):
    caller = Caller(Odoo(limits=0, version=version))
    name = f"{version}.0"
    wrong = {}
    for model in MODELS.keys() & contract.field_types(name).keys():
        described = caller.call("object", "execute_kw", "books", caller.uid, "admin", model, "fields_get")["result"]
        found = contract.answer_problems(model, "fields_get", described, version=name)
        if found:
            wrong[model] = found
    assert wrong == {}


@pytest.mark.parametrize(
    ("model", "method", "args", "words"),
    [
        ("res.partner", "create", [{"nope": 1}], "has no field nope"),
        ("account.move", "write", [[1], {"state": "posted"}], "the server's to write"),
        ("account.move", "create", [{"partner_id": "Ada"}], "written as an id"),
        ("account.move", "create", [{"invoice_date": "3.11.2026"}], "is a date"),
        ("account.move", "create", [{"invoice_line_ids": [{"name": "x"}]}], "no command"),
        ("account.move", "create", [{"ref": None}], "empty is false"),
        ("account.move", "search", [["|", ["id", "=", 1]]], "more operators"),
        ("account.move", "action_pay_now", [[1]], "no method"),
        ("account.move", "load", [["id", "partner_id/.id"], [["a.b", 3]]], "cells are text"),
    ],
)
def test_the_contract_finds_what_is_wrong_with_a_call(model, method, args, words):
    assert words in " ".join(contract.problems(model, method, args, {}))


def test_the_contract_has_nothing_against_a_proper_call():
    lines = [[0, 0, {"name": "Work", "quantity": 2.0, "price_unit": 5.5, "tax_ids": [[6, 0, [1]]]}]]
    vals = {
        "move_type": "out_invoice",
        "partner_id": 3,
        "invoice_date": "2026-11-03",
        "ref": "S-1",
        "invoice_line_ids": lines,
    }
    assert contract.problems("account.move", "create", [[vals]], {"context": {}}) == []
    assert contract.problems("account.move", "action_post", [[1, 2]], {}) == []
