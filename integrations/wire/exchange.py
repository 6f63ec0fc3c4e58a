"""One question, one answer: the same step for vendors that we call, vendors that poll us, and vendors that take their time.

reply = speak(dialect.ask(stream, cursor, site), driver=driver, dialect=dialect, site=site)
if isinstance(reply, Pending):      # keep reply.then, come back after reply.after seconds, speak it again
    ...
page = dialect.read(stream, cursor, reply, site)
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from .connector import Dialect
from .message import Answer, Pending, Request
from .site import Site


class Driver(Protocol):
    """What carries a request to a vendor: over HTTP, into a queue that the vendor empties, from files."""

    def send(self, request: Request, *, site: Site, deadline: float | None = None) -> Answer | Pending:
        """The answer, or Pending where it comes later. Takes at most `deadline` seconds. Raises VendorError."""
        ...


@runtime_checkable
class Recall(Protocol):
    """A driver whose requests lie with us until the vendor fetches them."""

    def take_back(self, request: Request, *, site: Site) -> bool:
        """Withdraw a request that was not fetched yet; False where the vendor may have it. Sends nothing."""
        ...


def speak(
    request: Request, *, driver: Driver, dialect: Dialect, site: Site, deadline: float | None = None
) -> Answer | Pending:
    """Send a request, or the `then` of an earlier Pending, and give the answer to it once it is the real one."""
    reply = driver.send(request, site=site, deadline=deadline)
    if isinstance(reply, Pending):
        return reply
    return dialect.pending(reply, site) or reply
