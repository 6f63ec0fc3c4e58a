"""A stream: one kind of record at one vendor, read page by page from a cursor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from .shape import Shape

Operation = Literal["create", "update", "void", "credit", "delete"]
How = Literal["deleted", "voided", "archived", "merged", "unreadable"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a stream was read, in the vendor's own words.

    `mark`: changed since; None reads everything. `page`: the vendor's next-page token; None is the first page, and
    "fetch" says that the answer belongs to a direct read by ids.
    """

    mark: str | None = None
    page: str | None = None


FETCHED = Cursor(page="fetch")
"""The cursor with which the answer to `Dialect.fetch` is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A record that the vendor reports as no longer usable, and how; `into` is the survivor of a merge."""

    external_id: str
    how: How
    into: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A row or record that cannot be read; the page goes on without it."""

    where: str
    what: str
    advice: str
    raw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one answer held.

    `next` is the token of the next page; None ends the sweep. `mark` is the vendor's clock at this answer less the
    stream's overlap, in the vendor's words: the first page's mark of a sweep becomes the next sweep's `since`.
    `whole`: the sweep tells everything, although it may have been asked only for what changed. `unsure`: not all that was
    deleted may have been told, so that the next sweep has to be a full one.
    """

    raws: Sequence[dict[str, Any]]
    gone: Sequence[Gone] = ()
    problems: Sequence[Problem] = ()
    next: str | None = None
    mark: str | None = None
    whole: bool = False
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """The since-mark travels as this query parameter."""

    name: str


@dataclass(frozen=True, slots=True)
class Header:
    """The since-mark travels as this header."""

    name: str


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of record at a vendor, and what can be done with it. Only the name may stand without its keyword.

    `name` is unique in the connector. `kind` is the canonical kind; left out, it is the name. `batch` is how many
    writes fit into one call, `batches` for which operations it is another number; `fetch_batch` how many ids into one
    direct read, `page_size` how many records are asked for. `settle_seconds` is the longest request time plus search
    lag, after which "not there" may be concluded. `overlap_seconds` is how far before the vendor's clock the next sweep
    begins. `full_list`: a full sweep lists everything, so absence means something. `lists`: its records are rows that tell
    of others, so that one about what is void is there like any other. `total` takes a document's total
    straight from the raw payload, by other code than the shape: it proves that both ends agree. `credits` is the stream of
    the documents that take one of these back, and `longest_number` how long a number may be there; `is_taken_back` tells
    by the raw payload whether that was done, where the vendor says so itself. `path`, `at` (dotted
    place of the records in an answer) and `since` serve table-driven dialects; `facts` holds what only the connector's
    own dialect knows.
    """

    name: str
    kind: str = field(default="", kw_only=True)
    shape: Shape[Any] = field(kw_only=True)
    label: str = field(default="", kw_only=True)
    reads: bool = field(default=True, kw_only=True)
    writes: frozenset[Operation] = field(default=frozenset(), kw_only=True)
    batch: int = field(default=1, kw_only=True)
    batches: Mapping[Operation, int] = field(default_factory=dict, kw_only=True)
    fetch_batch: int = field(default=1, kw_only=True)
    page_size: int = field(default=100, kw_only=True)
    settle_seconds: int = field(default=300, kw_only=True)
    overlap_seconds: int = field(default=300, kw_only=True)
    full_list: bool = field(default=False, kw_only=True)
    lists: bool = field(default=False, kw_only=True)
    total: Callable[[dict[str, Any]], Decimal] | None = field(default=None, kw_only=True)
    credits: Stream | None = field(default=None, kw_only=True)
    longest_number: int = field(default=20, kw_only=True)
    is_taken_back: Callable[[dict[str, Any]], bool] | None = field(default=None, kw_only=True)
    path: str = field(default="", kw_only=True)
    at: str = field(default="", kw_only=True)
    since: Query | Header | None = field(default=None, kw_only=True)
    facts: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        if not self.kind:
            object.__setattr__(self, "kind", self.name)
        if not self.label:
            object.__setattr__(self, "label", self.name.replace("_", " ").capitalize())

    def batch_of(self, operation: Operation) -> int:
        """How many writes of this operation fit into one call."""
        return self.batches.get(operation, self.batch)
