"""What the papers tell an operator to type is understood, and the settings they name are read."""

from __future__ import annotations

import os
import re
import shlex
import stat

import pytest
from django.core.management import get_commands, load_command_class

from tests.operations.processes import ROOT

PAPERS = (
    "README.md",
    "platform/handbook/runbook.md",
    "platform/handbook/security.md",
    "platform/deploy/Dockerfile",
    "platform/deploy/compose.yaml",
    "platform/deploy/tieout.service",
)


def commands() -> list[str]:
    """Every `manage.py …` that the papers name."""
    found: set[str] = set()
    for paper in PAPERS:
        # The list form of a Dockerfile is words as well.
        text = (ROOT / paper).read_text().replace('", "', " ").replace('"]', "")
        found |= {line.strip() for line in re.findall(r"manage\.py ([^`#|;\n]+)", text)}
    return sorted(found)


@pytest.mark.parametrize("words", commands())
def test_a_command_that_the_papers_name_is_understood(words):
    name, *options = shlex.split(words.replace(" N", " 2"))
    command = load_command_class(get_commands()[name], name)

    command.create_parser("manage.py", name).parse_args(options)


def test_every_setting_is_explained():
    read = set()
    for file in (ROOT / "platform/config").glob("*.py"):
        read |= set(re.findall(r'"((?:TIEOUT|DATABASE)_[A-Z_]+)"', file.read_text()))
    explained = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert read <= explained
    assert explained <= read


@pytest.mark.parametrize("script", ["bin/demo", "bin/test", "bin/check", "bin/chaos", ".ci/run"])
def test_a_script_can_be_run(script):
    assert os.stat(ROOT / script).st_mode & stat.S_IXUSR
