"""The simulator's own table of properties is the vendor's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations.connectors.quickbooks_online.simulator.entities import ENTITIES
from integrations.connectors.quickbooks_online.simulator.properties import TYPES

from . import contract

pytestmark = contract.needs_contract


@pytest.mark.parametrize("name", sorted(set(TYPES) - {"Entity", "Transaction", "Sale", "Name"}))
def test_every_type_knows_the_contracts_properties(name: str) -> None:
    known = schema()[name]["properties"]
    # Extension members may hold anything; clients have no business with them.
    assert set(TYPES[name]) == {prop for prop, kind in known.items() if kind and not prop.endswith("Ext")}


@pytest.mark.parametrize("name", sorted(set(TYPES) - {"Entity", "Transaction", "Sale", "Name"}))
def test_every_property_is_of_the_contracts_kind(name: str) -> None:
    for prop, kind in TYPES[name].items():
        assert kind_of(schema()[name]["properties"][prop]) == kind.replace("~", " "), f"{name}.{prop}"


def test_every_entity_is_one_of_the_contract() -> None:
    assert set(ENTITIES) <= set(
        json.loads((contract.SPECS / "derived" / "entities.schema.json").read_text())["x-entities"]
    )


def test_what_can_be_filtered_exists() -> None:
    for entity in ENTITIES.values():
        for path in entity.filters - {"AttachableRef.EntityRef.Type"}:
            assert path.split(".")[0] in TYPES[entity.name], f"{entity.name}.{path}"


def schema() -> dict[str, Any]:
    return json.loads((contract.SPECS / "derived" / "entities.schema.json").read_text())["$defs"]


def kind_of(prop: dict[str, Any]) -> str:
    if "$ref" in prop:
        return prop["$ref"].rpartition("/")[2]
    if prop.get("type") == "array":
        return f"[{kind_of(prop['items'])}]"
    if "enum" in prop:
        return "{" + "|".join(prop["enum"]) + "}"
    if prop["type"] == "string" and "pattern" in prop:
        return "moment" if "T" in prop["pattern"] else "date"
    return {"string": "text", "boolean": "flag"}.get(prop["type"], prop["type"])
