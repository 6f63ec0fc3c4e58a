"""QuickBooks Online's exchange rates as a two-way table: what a currency is worth on a day, without an id of its own.

Members after the vendor's schema (Finance.xsd) and derived/samples_from_xml/exchange_rate_by_currency.json.
"""

from __future__ import annotations

from integrations.canonical import ExchangeRate
from integrations.wire.shape import F, Shape

from .queries import literal
from .shapes import NOISE, Payload

_BETWEEN = " "


def _name(payload: Payload) -> str:
    """The name that we give to a rate: its currency and its day."""
    return f"{payload['SourceCurrencyCode']}{_BETWEEN}{payload['AsOfDate']}"


def one_rate(external_id: str) -> tuple[str, ...]:
    """The conditions of a query for the rate of that name."""
    currency, _, day = external_id.partition(_BETWEEN)
    return (f"SourceCurrencyCode = {literal(currency)}", f"AsOfDate = {literal(day)}")


EXCHANGE_RATE = Shape(
    ExchangeRate,
    key=F("external_id", "", read=_name, write=None),
    changed_at="MetaData.LastUpdatedTime",
    created_at="MetaData.CreateTime",
    ignore=(*NOISE, "Id", "SyncToken"),
    fields=(
        F("currency", "SourceCurrencyCode"),
        F("home_currency", "TargetCurrencyCode"),
        F("rate", "Rate"),
        F("effective_on", "AsOfDate"),
    ),
)
