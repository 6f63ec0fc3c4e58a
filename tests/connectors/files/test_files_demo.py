"""The shipped sample: made by its script, adds up to what is stated beside it, and ends without a problem."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from integrations.canonical.codec import encode
from integrations.canonical.laws import broken_laws
from integrations.connectors.files import connector
from integrations.connectors.files.connector import CONNECTOR
from integrations.connectors.files.samples import make_demo

SAMPLES = Path(connector.__file__).parent / "samples"


@pytest.mark.parametrize("stream", CONNECTOR.streams, ids=lambda stream: stream.name)
def test_a_payload_is_read_as_the_record_beside_it(stream):
    sample = json.loads((SAMPLES / f"{stream.name}.json").read_text(), parse_float=Decimal)
    assert sample["source"]
    assert json.loads(encode(stream.shape.read(sample["payload"]))) == sample["record"]


def test_the_sample_is_what_its_script_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(make_demo, "HERE", tmp_path)
    make_demo.main()
    for name in ("online_retail_demo.csv", "online_retail_demo.json"):
        assert (tmp_path / name).read_bytes() == (SAMPLES / name).read_bytes()


def test_the_sample_comes_to_its_stated_totals_without_a_problem(inbox):
    stated = json.loads((SAMPLES / "online_retail_demo.json").read_text())
    inbox.put("demo.csv", (SAMPLES / "online_retail_demo.csv").read_bytes())
    sweeps = {name: inbox.sweep(name) for name in ("customer", "item", "invoice", "credit_note")}
    assert [problem for sweep in sweeps.values() for problem in sweep.problems] == []
    assert [breach for sweep in sweeps.values() for record in sweep.records for breach in broken_laws(record)] == []
    assert {name: len(sweep.records) for name, sweep in sweeps.items()} == {
        "customer": stated["customers"] + 1,
        "item": stated["items"],
        "invoice": stated["invoices"],
        "credit_note": stated["credit_notes"],
    }
    for name in ("invoice", "credit_note"):
        assert sum(record.total for record in sweeps[name].records) == Decimal(stated[f"{name}_total"])
    assert all(record.total > 0 for record in sweeps["credit_note"].records)
