"""Where a customer is at the vendor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .addresses import Addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A customer's place at a vendor: environment, addresses, and settings such as a realm id or a file layout.

    It never holds a secret, so that it may be shown and logged.
    """

    environment: str
    addresses: Addresses
    settings: Mapping[str, Any] = field(default_factory=dict)
