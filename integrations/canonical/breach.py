"""What is said of a record that breaks a law."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Breach:
    """`law` is broken at `path` (as `lines[2].net_amount`; empty for the whole record); `message` is for a person."""

    path: str
    law: str
    message: str
