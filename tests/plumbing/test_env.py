"""Settings are read well or refused with words."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


def test_what_must_be_set_says_so(monkeypatch):
    monkeypatch.delenv("X", raising=False)
    for read in (env.text, env.words):
        with pytest.raises(ImproperlyConfigured, match="Set X"):
            read("X", None)


@pytest.mark.parametrize(("given", "read"), [("1", True), ("yes", True), ("0", False), ("off", False), ("", False)])
def test_a_flag_is_yes_or_no(monkeypatch, given, read):
    monkeypatch.setenv("X", given)
    assert env.flag("X") is read


def test_a_flag_that_is_neither_is_refused(monkeypatch):
    monkeypatch.setenv("X", "perhaps")
    with pytest.raises(ImproperlyConfigured, match="say 1 or 0"):
        env.flag("X")


@pytest.mark.parametrize("given", ["many", "1.5", "-3"])
def test_a_number_that_is_none_is_refused(monkeypatch, given):
    monkeypatch.setenv("X", given)
    with pytest.raises(ImproperlyConfigured, match="X is"):
        env.number("X", 1)


def test_a_database_address_is_taken_apart(monkeypatch):
    monkeypatch.setenv("X", "postgresql://tieout_app:p%40ss@db.example:5433/books?sslmode=verify-full")
    read = env.database("X")
    assert (read["USER"], read["PASSWORD"], read["HOST"], read["PORT"], read["NAME"]) == (
        "tieout_app",
        "p@ss",
        "db.example",
        "5433",
        "books",
    )
    assert read["OPTIONS"] == {"sslmode": "verify-full"}


def test_a_socket_is_an_address_too(monkeypatch):
    monkeypatch.setenv("X", "postgresql://tieout_app@/books?host=/run/postgresql")
    assert env.database("X")["HOST"] == "/run/postgresql"


@pytest.mark.parametrize("address", ["mysql://x/y", "postgresql://db.example", "books"])
def test_another_address_is_refused_without_repeating_it(monkeypatch, address):
    monkeypatch.setenv("X", address)
    with pytest.raises(ImproperlyConfigured) as refused:
        env.database("X")
    assert "X must look like" in str(refused.value)


def test_a_kept_secret_is_made_once_and_is_nobody_elses_to_read(tmp_path):
    first = env.kept(tmp_path / "key")
    assert env.kept(tmp_path / "key") == first
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
