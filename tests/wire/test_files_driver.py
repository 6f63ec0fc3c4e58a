"""The files driver: which files it takes, how it keeps what it works on, and what it does when several ask at once."""

import gzip
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from integrations.wire import filling, spool
from integrations.wire.errors import BadAddress, ContractBroken, TryLater
from integrations.wire.files import send
from integrations.wire.local import LocalFolder
from integrations.wire.message import Request, json_of
from integrations.wire.places import local

TABLE = "key,item\n{},A\n"
READER = """
import sys
from pathlib import Path
from integrations.wire.files import send
from integrations.wire.message import Request, json_of
from integrations.wire.places import local
request = Request(method="READ", path=".", params={"pattern": "*.csv", "reading": '{"key": "key"}'})
print(len(json_of(send(request, at=local(Path(sys.argv[1])), spool=Path(sys.argv[2])))["documents"]))
"""


@pytest.fixture
def ask(tmp_path):
    (tmp_path / "root").mkdir()

    def ask(pattern="*.csv", *, method="READ", reading='{"key": "key"}', **params):
        request = Request(method=method, path=".", params={"pattern": pattern, "reading": reading, **params})
        return json_of(send(request, at=local(tmp_path / "root"), spool=tmp_path / "spool"))

    ask.root, ask.spool = tmp_path / "root", tmp_path / "spool"
    return ask


def put(root, name, key, *, age=60.0):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    content = TABLE.format(key).encode()
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    os.utime(file, (time.time() - age, time.time() - age))


def keys(answer):
    return [document["key"] for document in answer["documents"]]


def test_files_are_taken_by_their_names_oldest_first_packed_or_not(ask):
    put(ask.root, "b.csv", "1", age=300)
    put(ask.root, "a.csv.gz", "2", age=200)
    put(ask.root, "c.csv", "3", age=100)
    put(ask.root, "c.csv.part", "4")
    put(ask.root, "below/d.csv", "5")
    put(ask.root, ".c.csv", "6")
    put(ask.root, "named like a file.csv/e.txt", "7")
    assert keys(ask()) == ["1", "2", "3"]
    assert keys(ask("a.csv")) == ["2"]
    assert keys(ask("below/*.csv")) == ["5"]
    assert [file["path"] for file in ask(method="LIST")["files"]] == ["b.csv", "a.csv.gz", "c.csv"]


def test_a_link_within_the_folder_is_the_file_it_leads_to(ask):
    put(ask.root, "below/d.csv", "5")
    (ask.root / "d.csv").symlink_to(ask.root / "below" / "d.csv")
    (ask.root / "round.csv").symlink_to(ask.root)
    assert keys(ask()) == ["5"]
    assert keys(ask("*/*.csv")) == ["5"]


def test_a_document_of_too_many_rows_is_held_back_because_its_key_is_none(ask, monkeypatch):
    monkeypatch.setattr(filling, "MOST_ROWS_A_DOCUMENT", 3)
    (ask.root / "a.csv").write_text("key,item\n" + "1,A\n" * 4 + "2,A\n" * 3)
    answer = ask()
    assert keys(answer) == ["2"]
    assert "The document 1 has 4 rows" in answer["problems"][0]["what"]


@pytest.mark.parametrize("pattern", ["../*.csv", "below/../../*.csv", "/etc/*"])
def test_a_pattern_that_leaves_the_folder_is_refused(ask, pattern):
    with pytest.raises(BadAddress):
        ask(pattern)


def test_an_unknown_verb_is_refused(ask):
    with pytest.raises(ContractBroken, match="DELETE is no verb"):
        ask(method="DELETE")


def test_an_empty_folder_is_an_empty_answer(ask):
    assert ask()["documents"] == []


def test_a_file_that_may_not_be_opened_is_reported_and_the_others_go_on(ask, monkeypatch):
    put(ask.root, "a.csv", "1")
    put(ask.root, "b.csv", "2")
    opened = LocalFolder.open

    def no_right_to_a(folder, file):
        if file.path == "a.csv":
            raise PermissionError(13, "Permission denied")
        return opened(folder, file)

    monkeypatch.setattr(LocalFolder, "open", no_right_to_a)
    answer = ask()
    assert [problem["what"] for problem in answer["problems"]] == ["The file cannot be opened: Permission denied."]
    assert keys(answer) == ["2"]
    monkeypatch.undo()
    assert keys(ask()) == ["1", "2"]


def test_what_is_worked_on_is_for_this_service_only_and_goes_when_nobody_asks(ask):
    put(ask.root, "a.csv", "1")
    ask()
    (database,) = ask.spool.glob("*.sqlite")
    assert stat.S_IMODE(ask.spool.stat().st_mode) == 0o700
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    spool.sweep_out(ask.spool, now=time.time() + spool.IDLE_SECONDS + 60)
    assert list(ask.spool.iterdir()) == []


def test_a_damaged_database_is_made_anew(ask):
    put(ask.root, "a.csv", "1")
    ask()
    (database,) = ask.spool.glob("*.sqlite")
    database.write_bytes(b"no database " * 1000)
    with pytest.raises(TryLater):
        ask()
    assert keys(ask()) == ["1"]


def test_a_file_whose_rows_another_process_forgot_is_taken_in_again_not_left_out(ask, monkeypatch):
    put(ask.root, "a.csv", "1")
    put(ask.root, "b.csv", "2")
    remember = spool.Spool.remember

    def forgotten_meanwhile(rows, taken):
        rows._db.execute("DELETE FROM part WHERE digest = ?", (taken[0][1],))
        return remember(rows, taken)

    monkeypatch.setattr(spool.Spool, "remember", forgotten_meanwhile)
    with pytest.raises(TryLater):
        ask()
    monkeypatch.undo()
    assert keys(ask()) == ["1", "2"]


def test_a_full_disk_is_a_reason_to_try_later(ask, monkeypatch):
    def full(*_):
        raise spool.sqlite3.OperationalError("database or disk is full")

    put(ask.root, "a.csv", "1")
    monkeypatch.setattr(filling.Filling, "take", full)
    with pytest.raises(TryLater, match="disk is full"):
        ask()
    monkeypatch.undo()
    assert keys(ask()) == ["1"]


def test_what_stands_in_files_that_went_away_is_forgotten(ask):
    for number in range(spool.KEEP_STATES + 3):
        put(ask.root, "a.csv", str(number))
        assert keys(ask()) == [str(number)]
    (database,) = ask.spool.glob("*.sqlite")
    with spool.sqlite3.connect(database) as db:
        assert db.execute("SELECT count(*) FROM part").fetchone()[0] == spool.KEEP_STATES
        assert db.execute("SELECT count(*) FROM row").fetchone()[0] == spool.KEEP_STATES


def test_several_processes_may_take_in_the_same_file_at_once(tmp_path):
    (tmp_path / "a.csv").write_text("key,item\n" + "".join(f"{n},A\n" for n in range(300)))
    command = [sys.executable, "-c", READER, str(tmp_path), str(tmp_path / "spool")]
    here = Path(__file__).parents[2]
    readers = [subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [reader.communicate(timeout=60)[0].strip() for reader in readers] == ["300"] * 3


def test_pages_are_bounded_by_rows_too(ask):
    (ask.root / "a.csv").write_text("key,item\n" + "".join(f"{n // 2000},A{n}\n" for n in range(10_000)))
    pages, place = [], {}
    while True:
        answer = ask(**place)
        pages.append(keys(answer))
        if answer["next"] is None:
            break
        place = {"page": answer["next"]}
    assert pages == [["0", "1"], ["2", "3"], ["4"]]
