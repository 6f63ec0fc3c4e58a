"""A file of any size is read within bounded memory."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

MEGABYTES = 200
MOST_GROWTH = 150  # MB

READER = """
import json, resource, sys
from pathlib import Path
from integrations.wire.files import send
from integrations.wire.message import Request, json_of
from integrations.wire.places import local

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

root, spool = Path(sys.argv[1]), Path(sys.argv[2])
before, documents, rows, params = peak(), 0, 0, {"pattern": "*.csv", "reading": '{"key": "number"}'}
for page in range(40):
    answer = json_of(send(Request(method="READ", path=".", params=params), at=local(root), spool=spool))
    documents += len(answer["documents"])
    rows += sum(len(document["rows"]) for document in answer["documents"])
    params["page"] = answer["next"]
grouping = {"grouping": '{"by": "item", "take": ["item", "name"]}'}
del params["page"]
groups = json_of(send(Request(method="READ", path=".", params={**params, **grouping}), at=local(root), spool=spool))
print(json.dumps([peak() - before, documents, rows, answer["next"] is not None, len(groups["groups"])]))
"""


def test_a_file_of_200_megabytes_is_grouped_and_paged_within_150(tmp_path):
    write_big(tmp_path / "big.csv")
    done = subprocess.run(
        [sys.executable, "-c", READER, str(tmp_path), str(tmp_path / "spool")],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    shutil.rmtree(tmp_path)  # pytest would keep it for a while
    growth, documents, rows, goes_on, groups = json.loads(done.stdout)
    assert growth < MOST_GROWTH
    assert (documents, rows, goes_on, groups) == (40 * 50, 40 * 50 * 100, True, 500)


def write_big(file):
    """Documents of 100 rows, half of whose rows stand a million rows further down."""
    filling = "x" * 150
    per_half = MEGABYTES * 1_000_000 // (50 * 2 * 190)
    with file.open("w") as out:
        out.write("number,item,name,quantity,filling\n")
        for half in range(2):
            for document in range(per_half):
                out.write(
                    "".join(f"{document:08},{(document + 7 * n) % 4000},NAME {n},{half},{filling}\n" for n in range(50))
                )
