"""Where a vendor is reached, and which addresses we refuse to connect to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """A vendor's addresses in one environment: absolute URLs without a slash at the end.

    `api` is where requests go, `authorize`, `token` and `revoke` are OAuth's, `app` is where a person opens a record,
    `more` what only this vendor has, by name. An address may hold `{setting}` places that `filled` fills from the
    connection's settings.
    """

    api: str
    authorize: str = ""
    token: str = ""
    revoke: str = ""
    app: str = ""
    more: Mapping[str, str] = field(default_factory=dict)
