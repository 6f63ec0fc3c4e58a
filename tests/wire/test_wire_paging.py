"""Pages: every way to cut a list ends, and asks for each page once."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.wire.paging import Offset, OnePage, PageNumber, Paging, Token


def served(paging: Paging, params: dict[str, str], total: int) -> tuple[int, Any]:
    """How many records a vendor with `total` of them answers, and what else it says."""
    size = int(params.get("per_page") or params.get("limit") or 3)
    if isinstance(paging, PageNumber):
        start = (int(params["page"]) - 1) * size
    elif isinstance(paging, Offset):
        start = int(params["offset"]) - paging.first
    else:
        start = int(params.get("cursor", 0))
    count = max(0, min(size, total - start))
    more = start + count < total
    return count, {"meta": {"pages": -(-total // size), "next": str(start + count) if more else ""}}


@pytest.mark.parametrize("total", [0, 1, 2, 3, 4, 6, 7])
@pytest.mark.parametrize(
    "paging",
    [PageNumber(), PageNumber(pages="meta.pages"), Offset(), Offset(first=1), Token(at="meta.next")],
    ids=str,
)
def test_a_sweep_sees_every_record_once_and_ends(paging: Paging, total: int) -> None:
    page, seen = None, 0
    for _ in range(10):
        count, body = served(paging, paging.params(page, 3), total)
        seen += count
        page = paging.next(page, 3, count, body)
        if page is None:
            break
    assert page is None
    assert seen == total


def test_what_comes_at_once_is_asked_for_once() -> None:
    assert OnePage().params(None, 100) == {}
    assert OnePage().next(None, 100, 100, {}) is None
