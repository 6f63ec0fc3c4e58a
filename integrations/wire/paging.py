"""How vendors cut a list into pages, as values. A page token is ours to keep and theirs to understand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from . import nested


class Paging(Protocol):
    """How the next page is asked for."""

    def params(self, page: str | None, size: int) -> dict[str, str]:
        """The query parameters for the page with this token; None = the first."""
        ...

    def next(self, page: str | None, size: int, count: int, body: Any) -> str | None:
        """The token of the page after one that held `count` records; None where it was the last."""
        ...


@dataclass(frozen=True, slots=True)
class OnePage:
    """Everything comes at once."""

    def params(self, page: str | None, size: int) -> dict[str, str]:
        return {}

    def next(self, page: str | None, size: int, count: int, body: Any) -> str | None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageNumber:
    """Pages are counted. `pages` is where the answer says how many there are; without, a short page is the last."""

    param: str = "page"
    size_param: str = "per_page"
    first: int = 1
    pages: str = ""

    def params(self, page: str | None, size: int) -> dict[str, str]:
        return {self.param: page or str(self.first), **_size(self.size_param, size)}

    def next(self, page: str | None, size: int, count: int, body: Any) -> str | None:
        number = int(page or self.first)
        pages = nested.at(body, self.pages.split(".")) if self.pages else None
        more = count >= size if pages is None else number - self.first + 1 < int(pages)
        return str(number + 1) if more else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """Records are counted; a short page is the last."""

    param: str = "offset"
    size_param: str = "limit"
    first: int = 0

    def params(self, page: str | None, size: int) -> dict[str, str]:
        return {self.param: page or str(self.first), **_size(self.size_param, size)}

    def next(self, page: str | None, size: int, count: int, body: Any) -> str | None:
        return str(int(page or self.first) + count) if count >= size else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The answer names the next page at `at`; an empty name ends the list."""

    param: str = "cursor"
    at: str = "next"
    size_param: str = ""

    def params(self, page: str | None, size: int) -> dict[str, str]:
        return {**({self.param: page} if page else {}), **_size(self.size_param, size)}

    def next(self, page: str | None, size: int, count: int, body: Any) -> str | None:
        token = nested.at(body, self.at.split("."))
        return str(token) if token else None


def _size(param: str, size: int) -> dict[str, str]:
    return {param: str(size)} if param else {}
