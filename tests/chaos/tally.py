"""What was done to the product, and what became of the records."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """The counts of a lane."""

    kills: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    documents: int = 0
    lost: int = 0
    doubled: int = 0
    different: int = 0
    unknown: int = 0
    not_green: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.doubled or self.different or self.unknown or self.not_green)

    @property
    def became(self) -> tuple[int, ...]:
        """Documents, and how many of them were lost, doubled, have other totals, and unknown ones."""
        return self.documents, self.lost, self.doubled, self.different, self.unknown
