"""A connector: everything about a vendor, as one frozen value and one pure dialect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from integrations.canonical.days import LEDGER_DAY
from integrations.canonical.record import Record

from .addresses import Addresses
from .auth import Auth
from .errors import VendorError
from .knocks import Knocks
from .limits import Limits
from .locks import Lock
from .message import Answer, Pending, Request
from .polled import Reception
from .sheets import Sheet
from .site import Site
from .stream import Cursor, Operation, Page, Stream

__all__ = [
    "EVERY_MINUTES",
    "Company",
    "Connector",
    "Dialect",
    "Done",
    "Failed",
    "Limits",
    "Outcome",
    "Setting",
    "Write",
]

DriverName = Literal["http", "files", "polled", "pushed"]
SettingKind = Literal["text", "url", "server", "choice", "number", "boolean", "folder", "json", "secret"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing that a person fills in for a connection: what it is called, and what it may be.

    Both a `url` (of the web) and a `server` (for files) are addresses that are checked when they are saved and when
    they are connected to.
    """

    name: str
    label: str
    kind: SettingKind = "text"
    required: bool = True
    help: str = ""
    default: Any = None
    choices: tuple[tuple[str, str], ...] = ()


EVERY_MINUTES = Setting(
    name="every_minutes",
    label="Minutes between visits",
    kind="number",
    required=False,
    default=15,
    help="How often their side is to come for work. It is written into the invitation file: give it out anew after a change.",
)
"""How often a vendor that polls us comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Which set of books a connection leads to, as the vendor names it."""

    name: str
    id: str
    currency: str | None = None
    country: str | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """What is wanted for one record at the vendor.

    `key` is the intent's key. `record` holds what is wanted, its references already in the vendor's ids; None where
    the operation needs none. `external_id`, `version` and `raw` are what the vendor last said; they are None before it
    made the record. `only` names the changed top-level fields of an update.
    """

    key: str
    operation: Operation
    record: Record | None = None
    external_id: str | None = None
    version: str | None = None
    only: frozenset[str] = frozenset()
    raw: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The vendor did it; `raw` is the record as it now stands there, as far as the vendor showed it.

    `credit` names the document that takes it back, by stream and id, where one was made for that.
    """

    external_id: str
    version: str | None = None
    raw: dict[str, Any] = field(default_factory=dict)
    credit: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The vendor did not do it, for this reason."""

    error: VendorError


Outcome = Done | Failed


class Dialect(Protocol):
    """A vendor's language: pure functions between our values and the vendor's messages, no input or output.

    Connectors inherit from it and so get the answers that most vendors share.
    """

    def ask(self, stream: Stream, cursor: Cursor, site: Site) -> Request:
        """The request for the page at `cursor`."""
        ...

    def read(self, stream: Stream, cursor: Cursor, answer: Answer, site: Site) -> Page:
        """What that answer held. Raises VendorError."""
        ...

    def fetch(self, stream: Stream, external_ids: Sequence[str], site: Site) -> Request:
        """The request that reads these directly, at most `stream.fetch_batch`.

        Its answer goes to `read` with `FETCHED`; ids that are not there come as Gone or are simply missing.
        """
        ...

    def list_ids(self, stream: Stream, page: str | None, site: Site) -> Request | None:
        """The request for a page of the ids of all that is there; None where the vendor tells what was deleted.

        Its answer goes to `read_ids`, whose token of the next page comes back here.
        """
        return None

    def read_ids(self, stream: Stream, answer: Answer, site: Site) -> tuple[Sequence[str], str | None]:
        """The ids in that answer, and the token of the next page; None ends them. Raises VendorError."""
        return (), None

    def compose(self, stream: Stream, writes: Sequence[Write], key: str, site: Site, step: int = 1) -> Request:
        """The one call that does step `step` of these writes: same operation, at most `stream.batch`.

        `key` is the idempotency key, at most 50 characters. From step 2 on, each write carries the external id,
        version and raw record that the step before brought.
        """
        ...

    def outcomes(
        self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site, step: int = 1
    ) -> list[Outcome]:
        """What became of each write, in their order. Raises VendorError when the call as a whole failed."""
        ...

    def steps(self, stream: Stream, operation: Operation) -> int:
        """How many calls the operation takes: create, post, pay are three."""
        return 1

    def look_up(self, stream: Stream, writes: Sequence[Write], site: Site) -> Request:
        """The request that tells whether these were done, by the number, name or reference that we wrote."""
        ...

    def found(self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site) -> list[Outcome | None]:
        """Done where it is there and ours, None where it is not there. Raises VendorError when nobody can tell."""
        ...

    def pending(self, answer: Answer, site: Site) -> Pending | None:
        """Whether this answer is only a receipt, and what to ask later for the real one. Raises VendorError."""
        return None

    def faults(self, site: Site) -> Sequence[str]:
        """What is wrong with what a person filled in, each as a sentence; what is merely not there yet is no fault."""
        return ()

    def picked_up(self, marks: Sequence[str], leave: Sequence[str], site: Site) -> Request | None:
        """What to send when everything up to these marks, one for each stream that is read, is kept here for good.

        `leave` names files of which something still needs a person. None where nothing is to be done.
        """
        return None

    def sheet(self, stream: Stream, site: Site) -> Sheet | None:
        """What the file looks like as which this stream's records are published; None where they are not.

        Raises Refused where nobody has said it yet.
        """
        return None

    def whoami(self, site: Site) -> Request:
        """The request that names the set of books behind the connection."""
        ...

    def company(self, answer: Answer, site: Site) -> Company:
        """Which set of books that is. Raises VendorError."""
        ...

    def locks(self, answer: Answer, site: Site) -> Sequence[Lock] | None:
        """What the answer to `whoami` says about closed periods; None where it says nothing. Raises VendorError."""
        return None

    def day_field(self, stream: Stream) -> str | None:
        """The field of a record that says on which day it is to stand in the ledger; None where it stands in none."""
        return LEDGER_DAY.get(stream.kind)

    def ends_on_its_day(self, stream: Stream, operation: Operation, site: Site) -> bool:
        """Whether a void or credit books something on the document's own day, and not on the day on which it is done."""
        return True

    def link(self, stream: Stream, external_id: str, site: Site) -> str | None:
        """Where a person sees the record in the vendor's system; None where there is no such page."""
        return None


@dataclass(frozen=True, kw_only=True)
class Connector:
    """Everything about a vendor that the rest of the house needs, as one value.

    `slug` is the folder's name. `manual` says which manual and edition the facts come from. `environments` maps
    "production", "sandbox" … to addresses. `settings` are filled in by a person and may be shown, `secrets` are sealed.
    `can` and `cannot` are sentences for the person who chooses a connector. `reception` is how the vendor's side speaks to
    us, where the driver is "polled"; such a connector lists EVERY_MINUTES among its settings. `tells_locks`: the answer to
    `whoami` says up to when the books are closed. `knocks` says how the vendor tells us that something happened, where it does.
    """

    slug: str
    name: str
    manual: str
    driver: DriverName
    environments: Mapping[str, Addresses]
    auth: Auth
    streams: tuple[Stream, ...]
    dialect: Dialect
    limits: Limits = field(default_factory=Limits)
    settings: tuple[Setting, ...] = ()
    secrets: tuple[Setting, ...] = ()
    can: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    reception: Reception | None = None
    knocks: Knocks | None = None
    tells_locks: bool = False

    def site(self, environment: str, settings: Mapping[str, Any], *, simulator: str = "") -> Site:
        """A customer's place in one of the environments, or in "simulator" at that base address.

        Raises LookupError for an environment that there is not, BadAddress for settings that fit no address.
        """
        if environment == "simulator" and simulator:
            addresses = next(iter(self.environments.values())).on(simulator)
        elif environment in self.environments:
            addresses = self.environments[environment]
        else:
            raise LookupError(f"{self.name} has no environment {environment!r}; it has {', '.join(self.environments)}.")
        return Site(environment=environment, addresses=addresses.filled(settings), settings=settings)

    def stream(self, name: str) -> Stream:
        """The stream of that name. Raises LookupError that names those there are."""
        for stream in self.streams:
            if stream.name == name:
                return stream
        known = ", ".join(stream.name for stream in self.streams)
        raise LookupError(f"{self.name} has no stream {name!r}; it has {known}.")
