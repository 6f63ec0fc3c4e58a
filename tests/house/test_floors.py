"""Imports run one way: DESIGN, section 3, "The house"."""

import re

import pytest

from tests.house.source import ROOT, files, imports, is_within, module

PLAIN = "integrations.canonical", "integrations.wire", "integrations.connectors", "integrations.simulation"
BELOW_DJANGO_ROOMS = (
    "plumbing",
    "tenants",
    "tenants.audit",
    "tenants.access",
    "integrations.canonical",
    "integrations.wire",
    "integrations.connectors.registry",
)

# Room -> the rooms of ours that it may use, besides itself. The longest name that fits a module is its room.
MAY_USE: dict[str, tuple[str, ...]] = {
    "plumbing": (),
    "tenants": ("plumbing",),
    "tenants.audit": ("plumbing", "tenants"),
    "tenants.access": ("plumbing", "tenants", "tenants.audit"),
    "integrations.canonical": (),
    "integrations.wire": ("integrations.canonical",),
    "integrations.connectors": ("integrations.canonical", "integrations.wire", "integrations.simulation"),
    # How connectors are found, without naming one.
    "integrations.connectors.registry": ("integrations.canonical", "integrations.wire", "integrations.connectors"),
    "integrations.simulation": (),
    "integrations.connections": BELOW_DJANGO_ROOMS,
    "integrations.records": (*BELOW_DJANGO_ROOMS, "integrations.connections"),
    "integrations.crosswalk": (*BELOW_DJANGO_ROOMS, "integrations.connections", "integrations.records"),
    "integrations.mapping": (
        *BELOW_DJANGO_ROOMS,
        "integrations.connections",
        "integrations.records",
        "integrations.crosswalk",  # an agreement is about an identity
    ),
    "integrations.sync": (
        *BELOW_DJANGO_ROOMS,
        "integrations.connections",
        "integrations.records",
        "integrations.crosswalk",
        "integrations.mapping",
    ),
}
OURS = "config", "plumbing", "tenants", "integrations"


def room(name: str) -> str | None:
    """The room that a module stands in; None for those that may use every room (config, doors, the index of models)."""
    return max((known for known in MAY_USE if is_within(name, known)), key=len, default=None)


def test_imports_run_one_way():
    upward = [
        f"{module(path)} imports {name}"
        for path in files()
        for here in [room(module(path))]
        if here is not None
        for name in imports(path)
        if any(is_within(name, ours) for ours in OURS) and room(name) not in (here, *MAY_USE[here])
    ]
    assert upward == []


def test_plain_rooms_know_no_django():
    forbidden = ("django", "rest_framework", "allauth", "django_q", "psycopg", "plumbing", "tenants", "config")
    found = [
        f"{module(path)} imports {name}"
        for path in files()
        if any(is_within(module(path), plain) for plain in PLAIN)
        for name in imports(path)
        if name.split(".")[0] in forbidden
    ]
    assert found == []


def test_a_connector_sees_neither_a_sibling_nor_its_own_simulator():
    found = []
    for path in files():
        parts = module(path).split(".")
        if parts[:2] != ["integrations", "connectors"] or len(parts) < 4:
            continue
        slug, simulates = parts[2], parts[3].startswith("simulator")
        for name in imports(path):
            there = name.split(".")
            if there[:2] != ["integrations", "connectors"]:
                continue
            sibling = there[2:3] != [slug]
            crosses = (there[3:4] or [""])[0].startswith("simulator") != simulates
            if sibling or crosses:
                found.append(f"{module(path)} imports {name}")
    assert found == []


def test_a_simulator_shares_nothing_with_what_it_tests():
    found = []
    for path in files():
        parts = module(path).split(".")
        in_simulator = (
            parts[:2] == ["integrations", "connectors"] and len(parts) > 3 and parts[3].startswith("simulator")
        )
        if not in_simulator and not is_within(module(path), "integrations.simulation"):
            continue
        own = ".".join(parts[:4]) if in_simulator else "integrations.simulation"
        for name in imports(path):
            if (
                name.split(".")[0] in OURS
                and not is_within(name, own)
                and not is_within(name, "integrations.simulation")
            ):
                found.append(f"{module(path)} imports {name}")
    assert found == []


def test_only_simulators_use_the_base_of_the_simulators():
    outside = [
        module(path)
        for path in files()
        if not is_within(module(path), "integrations.simulation")
        and "simulator" not in module(path)
        and not any(
            is_within(module(path), room) for room in ("integrations.doors", "integrations.management")
        )  # they serve the sandbox
        and any(is_within(name, "integrations.simulation") for name in imports(path))
    ]
    assert outside == []


def vendors() -> list[str]:
    """The connectors' slugs and the first words of them, but for those that are ordinary words."""
    slugs = {
        path.name for path in (ROOT / "integrations/connectors").iterdir() if path.is_dir() and path.name[0] not in "._"
    }
    return sorted((slugs | {slug.split("_")[0] for slug in slugs}) - {"files"})


def test_the_wire_names_no_vendor():
    words = re.compile(
        "|".join(rf"\b{vendor.replace('_', '[ _-]?')}\b" for vendor in vendors()) or r"\Z(?!)", re.IGNORECASE
    )
    named = [
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in files()
        if is_within(module(path), "integrations.wire")
        for found in [words.search(path.read_text())]
        if found
    ]
    assert named == []


@pytest.mark.parametrize("place", ["config", "plumbing"])
def test_the_shelf_knows_no_business(place):
    business = re.compile(
        r"\b(invoice|ledger|customer record|payment|bookkeep\w*|accounting|quickbooks)s?\b", re.IGNORECASE
    )
    named = [
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in files()
        if is_within(module(path), place)
        for found in [business.search(path.read_text())]
        if found
    ]
    assert named == []
