"""The ready layout against the real data set: every document, every line, every penny."""

import csv
import gzip
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from integrations.canonical.laws import broken_laws
from integrations.connectors.files.connector import CONNECTOR

DATA = Path(__file__).parents[3].parent / "shared" / "data"
FILES = {
    "online_retail_first_10000_lines.csv.gz": (10_000, 512, 43, 323, 1_988, "180667.75"),
    "online_retail_sample_30000_lines.csv.gz": (30_000, 12_392, 523, 3_569, 2_986, "575574.67"),
}
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="left out: shared/ is not beside the project")


@pytest.mark.parametrize("name", FILES)
def test_every_document_of_the_real_data_becomes_one_record_that_keeps_all_laws_and_every_penny(inbox, name):
    lines, documents, credits, customers, items, total = FILES[name]
    inbox.put(name, (DATA / name).read_bytes())

    invoices, credit_notes = inbox.sweep("invoice"), inbox.sweep("credit_note")
    assert invoices.problems + credit_notes.problems == []
    assert (len(invoices.records), len(credit_notes.records)) == (documents - credits, credits)
    both = invoices.records + credit_notes.records
    assert len({record.external_id for record in both}) == documents
    assert sum(len(record.lines) for record in both) == lines
    assert [breach for record in both for breach in broken_laws(record)] == []
    assert sum(r.total for r in invoices.records) - sum(r.total for r in credit_notes.records) == Decimal(total)
    for sweep, stream in ((invoices, "invoice"), (credit_notes, "credit_note")):
        for raw, record in zip(sweep.raws, sweep.records, strict=True):
            assert CONNECTOR.stream(stream).total(raw) == record.total

    assert len(inbox.sweep("customer").records) == customers + 1  # and the one who stands for those without
    assert len(inbox.sweep("item").records) == items


def test_each_document_says_what_its_rows_say(inbox):
    name = "online_retail_first_10000_lines.csv.gz"
    inbox.put(name, (DATA / name).read_bytes())
    with gzip.open(DATA / name, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    records = {r.external_id: r for r in inbox.sweep("invoice").records + inbox.sweep("credit_note").records}

    wanted = Counter((r["InvoiceNo"], r["StockCode"].upper(), abs(Decimal(r["Quantity"]))) for r in rows)
    got = Counter((r.external_id, ln.item.external_id, abs(ln.quantity)) for r in records.values() for ln in r.lines)
    assert got == wanted
    for row in rows:
        record = records[row["InvoiceNo"]]
        assert str(record.issued_on) == row["InvoiceDate"][:10]
        assert record.customer.external_id == (row["CustomerID"].removesuffix(".0") or "without-customer")
