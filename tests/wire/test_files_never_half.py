"""Whatever happens to a file on its way: a document comes with all its rows, or not at all."""

import tempfile
from pathlib import Path

from hypothesis import given, settings, strategies

from integrations.wire.files import send
from integrations.wire.message import Request, json_of
from integrations.wire.places import local

HEADER = "key,item,name,quantity\n"
NAMES = ["MUG", '"MUG, BLUE"', '"TWO\nLINES"', 'NAIL 5"', '"A ""B"""', ""]


@strategies.composite
def damaged_files(draw):
    """Rows of documents in any order, and the same text with one character lost, or one put in, outside the keys."""
    sizes = draw(strategies.lists(strategies.integers(1, 3), min_size=2, max_size=6))
    rows = [f"{1001 + n}" for n, size in enumerate(sizes) for _ in range(size)]
    damages = [None, '"', ",", "\n", "\x00", "\xff", '"\n', ',"']
    if draw(strategies.booleans()):
        rows = draw(strategies.permutations(rows))
    else:
        damages.append("cut")  # what is cut off leaves no trace, unless it stood together
    lines = [f"{key},A{n},{draw(strategies.sampled_from(NAMES))},{n}\n" for n, key in enumerate(rows)]
    at = draw(strategies.integers(0, len(lines) - 1))
    put_in = draw(strategies.sampled_from(damages))
    # What is put into a key makes another key, which nobody can tell from a true one.
    place = draw(strategies.integers(4 if put_in is None else 5, len(lines[at]) - 1))
    if put_in is None:
        damaged = lines[at][:place] + lines[at][place + 1 :]
    else:
        damaged = lines[at][:place] + put_in + lines[at][place:]
    text = HEADER + "".join([*lines[:at], damaged, *lines[at + 1 :]])
    if put_in == "cut":
        text = text[: text.index("cut")]
    return {key: rows.count(key) for key in rows}, text


@settings(max_examples=300, deadline=None)
@given(damaged_files())
def test_a_document_comes_with_all_its_rows_or_not_at_all(file):
    sizes, text = file
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "a.csv").write_bytes(text.encode("latin-1"))
        params = {"pattern": "*.csv", "reading": '{"key": "key"}'}
        answer = json_of(send(Request(method="READ", path=".", params=params), at=local(root), spool=root / "spool"))
    for document in answer["documents"]:
        assert len(document["rows"]) == sizes[document["key"]], (document, answer["problems"])
    if len(answer["documents"]) < len(sizes):
        assert answer["problems"]
