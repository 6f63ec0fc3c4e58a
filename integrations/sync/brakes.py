"""Brakes: what looks like an accident stops for a person before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brakes:
    """From where on a run is unusual. Shares are of all records that the flow has linked."""

    void_share: int = 20  # percent
    voids_at_least: int = 5
    update_share: int = 50  # percent
    updates_at_least: int = 100
    creates_at_most: int = 0  # 0: any number
    shrink_share: int = 20  # percent of the rows that a published list had last time


def unusual(planned: Mapping[str, int], *, linked: int, brakes: Brakes) -> str:
    """Why a person should look at this plan first; empty where nothing is unusual.

    `planned` counts operations, `linked` the records that stand at the target already.
    """
    voids, updates, creates = (planned.get(name, 0) for name in ("void", "update", "create"))
    if voids >= brakes.voids_at_least and voids * 100 > linked * brakes.void_share:
        return f"{voids} of {linked} records would be voided: look whether the source is complete."
    if updates >= brakes.updates_at_least and updates * 100 > linked * brakes.update_share:
        return f"{updates} of {linked} records would be changed: look whether the mapping or the source changed by mistake."
    if brakes.creates_at_most and creates > brakes.creates_at_most:
        return f"{creates} records would be created, and the flow allows {brakes.creates_at_most} in one run."
    return ""


def shrank(rows: int, before: int | None, *, brakes: Brakes) -> str:
    """Why a person should look at a list before it replaces the published one; empty where nothing is unusual.

    `before` is how many rows it had last time; None where nothing was published yet.
    """
    if not rows:
        return "The list is empty: look whether the source is complete."
    if before is not None and (before - rows) * 100 > before * brakes.shrink_share:
        return f"The list has {rows} rows and had {before} last time: look whether the source is complete."
    return ""
