"""What a simulated vendor has been told to do wrong."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(slots=True, kw_only=True)
class Trouble:
    """One order to misbehave: what, on which calls, before or after the vendor acted, and how often."""

    what: Literal["drop", "fail", "html", "truncate", "slow"]
    on: Literal["any", "read", "write"] = "any"
    moment: Literal["before", "after"] = "after"
    path: str = ""  # only calls whose path contains this
    skip: int = 0  # matching calls that still go well
    times: int = 1  # matching calls that then go wrong
    status: int = 500  # for "fail"
    seconds: float = 0.0  # for "slow", real time

    def __post_init__(self) -> None:
        self.seconds = float(self.seconds)  # an order that came as JSON has it as a Decimal


class Misbehaviour:
    """The orders still open, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._troubles: list[Trouble] = []

    def order(self, trouble: Trouble) -> None:
        with self._lock:
            self._troubles.append(trouble)

    def clear(self) -> None:
        with self._lock:
            self._troubles.clear()

    def due(self, *, path: str, writes: bool, moment: str) -> Trouble | None:
        """The trouble that this call gets at this moment, used up by the asking."""
        with self._lock:
            for trouble in self._troubles:
                fits = trouble.on == "any" or (trouble.on == "write") == writes
                if trouble.moment != moment or not fits or trouble.path not in path:
                    continue
                if trouble.skip > 0:
                    trouble.skip -= 1
                    continue
                trouble.times -= 1
                if trouble.times <= 0:
                    self._troubles.remove(trouble)
                return trouble
        return None

    def as_plain(self) -> list[dict[str, Any]]:
        """The open orders as JSON values."""
        with self._lock:
            return [asdict(trouble) for trouble in self._troubles]
