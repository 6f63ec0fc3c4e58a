"""What is promised of every connector and stream: one suite over all that the registry finds. No sample = a failure."""

from __future__ import annotations

import ast
import json
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from integrations.canonical import KINDS, broken_laws, codec
from integrations.connectors.registry import connectors
from integrations.simulation.simulator import Simulator
from integrations.wire.connector import Connector, Write
from integrations.wire.errors import VendorError
from integrations.wire.stream import FETCHED, Cursor, Stream

FOLDER = Path(__file__).resolve().parents[2] / "integrations" / "connectors"
ALL = list(connectors().values())
STREAMS = [pytest.param(each, stream, id=f"{each.slug}-{stream.name}") for each in ALL for stream in each.streams]
CREATED = [param for param in STREAMS if "create" in param.values[1].writes]
KEY = "0123456789abcdef0123456789abcdef"
MOVES_MONEY = ("payment", "bill_payment", "refund", "deposit", "journal_entry")  # sums, though no field called total


def folder(connector: Connector) -> Path:
    return FOLDER / connector.slug


def samples(connector: Connector, stream: Stream) -> list[Path]:
    """The samples of a stream: its name, then what is special about it, then .json."""
    return [
        path
        for path in sorted((folder(connector) / "samples").glob("*.json"))
        if path.name.split(".")[0] == stream.name
    ]


def load(path: Path) -> dict[str, Any]:
    return msgspec.json.Decoder(float_hook=Decimal).decode(path.read_bytes())


def site(connector: Connector) -> Any:
    """A place at the vendor in which every setting has some value."""
    filled = {each.name: each.default if each.default is not None else "x1" for each in connector.settings}
    return connector.site(next(iter(connector.environments)), filled)


@pytest.mark.parametrize("connector", ALL, ids=lambda each: each.slug)
def test_it_says_what_it_is(connector: Connector) -> None:
    assert connector.manual
    assert connector.can
    readme = (folder(connector) / "README.md").read_text()
    assert connector.name.split(" (")[0] in readme


@pytest.mark.parametrize("connector", [each for each in ALL if each.driver == "http"], ids=lambda each: each.slug)
def test_it_has_a_simulator_of_its_vendor(connector: Connector) -> None:
    module = import_module(f"integrations.connectors.{connector.slug}.simulator")
    assert issubclass(module.SIMULATOR, Simulator)
    assert module.SIMULATOR.slug == connector.slug


# "files" is also the name of a driver and of a folder in the settings.
@pytest.mark.parametrize("connector", [each for each in ALL if each.slug != each.driver], ids=lambda each: each.slug)
def test_nothing_outside_its_folder_names_it(connector: Connector) -> None:
    """Adding a connector touches one folder: no code of the other rooms, no setting and no template names one."""
    root = FOLDER.parents[1]
    rooms = [root / "platform", root / "tenants", root / "templates", *(p for p in (root / "integrations").iterdir())]
    naming = [
        path.relative_to(root)
        for room in rooms
        if room != FOLDER and room.name not in ("migrations", "demo")
        for path in ([room] if room.is_file() else room.rglob("*"))
        if path.suffix in (".py", ".html") and "demo" not in path.parts and _names(path, connector.slug)
    ]
    assert naming == []


def _names(path: Path, slug: str) -> bool:
    """Whether a file speaks of a connector by its slug, as a text of its own."""
    text = path.read_text()
    if path.suffix != ".py":
        return f'"{slug}"' in text
    if slug not in text:
        return False
    return any(isinstance(node, ast.Constant) and node.value == slug for node in ast.walk(ast.parse(text)))


@pytest.mark.parametrize(("connector", "stream"), STREAMS)
def test_its_kind_is_known_and_its_shape_fits(connector: Connector, stream: Stream) -> None:
    assert stream.shape.record_type is KINDS[stream.kind]


@pytest.mark.parametrize(("connector", "stream"), STREAMS)
def test_every_stream_has_samples_that_read_into_the_record_beside_them(connector: Connector, stream: Stream) -> None:
    found = samples(connector, stream)
    assert found, f"write a sample {folder(connector).name}/samples/{stream.name}.json after the vendor's contract"
    for path in found:
        sample = load(path)
        assert sample["source"], f"{path.name} does not say after what it was written"
        record = stream.shape.read(sample["payload"])
        assert codec.to_plain(record) == codec.to_plain(codec.from_plain(stream.kind, sample["record"])), path.name
        assert not broken_laws(record), path.name
        assert stream.shape.external_id(sample["payload"]) == record.external_id


@pytest.mark.parametrize(("connector", "stream"), STREAMS)
def test_reading_is_asked_for_without_input_or_output(connector: Connector, stream: Stream) -> None:
    """The same question gives the same request, for a first page, for changes, and for a direct read."""
    place = site(connector)
    if stream.reads:
        first = connector.dialect.ask(stream, Cursor(), place)
        assert first == connector.dialect.ask(stream, Cursor(), place)
        assert not {"authorization", "cookie"} & {name.lower() for name in first.headers}
    direct = connector.dialect.fetch(stream, ["1"], place)
    assert direct == connector.dialect.fetch(stream, ["1"], place)
    assert FETCHED.page == "fetch"


@pytest.mark.parametrize(("connector", "stream"), CREATED)
def test_what_is_created_can_be_found_again(connector: Connector, stream: Stream) -> None:
    """Every create says how a lost answer is looked up, and carries a key that is the same for the same call."""
    place, composed = site(connector), 0
    for path in samples(connector, stream):
        record = stream.shape.read(load(path)["payload"])
        wanted = msgspec.structs.replace(record, external_id=None, version=None)
        write = Write(key=KEY, operation="create", record=wanted)
        try:
            request = connector.dialect.compose(stream, [write], KEY, place)
        except VendorError:
            continue  # a sample of something that is only read
        composed += 1
        assert request == connector.dialect.compose(stream, [write], KEY, place)
        assert connector.dialect.look_up(stream, [write], place)
        assert json.dumps(dict(request.params))
    assert composed, "none of the samples can be created"


@pytest.mark.parametrize(("connector", "stream"), STREAMS)
def test_documents_have_a_total_of_their_own(connector: Connector, stream: Stream) -> None:
    """Both ends of a flow of documents, payments or entries are compared by totals that no shape has touched."""
    if "total" not in KINDS[stream.kind].__struct_fields__:
        assert (stream.total is not None) == (stream.kind in MOVES_MONEY)
        return
    assert stream.total is not None
    for path in samples(connector, stream):
        sample = load(path)
        record = stream.shape.read(sample["payload"])
        if getattr(record, "total", None) is not None:
            assert stream.total(sample["payload"]) == record.total, path.name
