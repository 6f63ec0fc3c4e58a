"""The base of every simulated vendor: a WSGI application with state, a journal, a clock, limits and bad manners."""

from __future__ import annotations

import secrets
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from werkzeug.wrappers import Request, Response

from .clock import Clock
from .journal import Deed, Journal
from .limits import Limits
from .misbehaviour import Misbehaviour, Trouble
from .store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class ConnectionCut(Exception):
    """The vendor hung up without an answer; raised only where there is no socket to cut (mounted in process)."""


class ReplyTooLate(Exception):
    """The answer would come after the caller's patience (`simulation.timeout` in the environ) has run out."""


class Simulator(ABC):
    """One simulated vendor. A subclass answers requests with `handle`; everything else is common to all vendors."""

    slug: ClassVar[str]
    longest_seconds: ClassVar[float] = 120.0  # after which whatever stands in front of the vendor answers 504

    def __init__(self, *, state: str = ":memory:", clock: Clock | None = None, limits: float = 1.0) -> None:
        """`state` is a SQLite file, `limits` how many times faster than the vendor's its rate limits run (0: none)."""
        self.clock = clock or Clock()
        self.store = Store(state)
        self.journal = Journal(self.store)
        self.limits = Limits(self.clock, limits)
        self.misbehaviour = Misbehaviour()
        self._did: list[Deed] = []
        self._late: list[Request] = []
        self._restore_clock()

    # what a vendor says

    @abstractmethod
    def handle(self, request: Request) -> Response:
        """The vendor's answer; it runs alone and inside a transaction, which an exception undoes."""

    @abstractmethod
    def means_to_write(self, request: Request) -> bool:
        """Whether the call is meant to change the books."""

    @abstractmethod
    def failure(self, status: int) -> Response:
        """An answer with this status in the vendor's form, for a vendor that is down or says "too many requests"."""

    def admit(self, request: Request) -> Response | None:
        """The refusal of a call that exceeds the vendor's limits; None lets it pass."""
        return None

    def crowd(self, request: Request) -> tuple[str, int] | None:
        """Who may send how many requests at once; None for no limit."""
        return None

    def is_secret(self, request: Request) -> bool:
        """Whether the body holds secrets and must not be kept in the journal."""
        return False

    def controls(self) -> dict[str, Any]:
        """The methods that the sandbox's control address offers, by name; arguments and results are JSON values."""
        return {
            "status": self.status,
            "journal": self.read_journal,
            "misbehave": self.misbehave,
            "behave": self.misbehaviour.clear,
            "move_clock": lambda seconds: self.move_clock(timedelta(seconds=seconds)),
        }

    def did(self, operation: str, kind: str, id: str) -> None:
        """Notes for the journal that the call under way changed a document."""
        self._did.append(Deed(operation, kind, id))

    # what tests and the chaos campaign tell it

    def misbehave(self, **order: Any) -> None:
        """Adds an order to misbehave; see Trouble for the words."""
        self.misbehaviour.order(Trouble(**order))

    def drop_reply_after_next_write(self, *, times: int = 1, skip: int = 0) -> None:
        """The next write is done, then the connection is cut without an answer."""
        self.misbehave(what="drop", on="write", moment="after", times=times, skip=skip)

    def fail_next(
        self, status: int, *, before_write: bool = True, times: int = 1, on: str = "any", skip: int = 0
    ) -> None:
        """The next calls are answered with this status, either untouched or after having been done all the same."""
        moment = "before" if before_write else "after"
        self.misbehave(what="fail", status=status, on=on, moment=moment, times=times, skip=skip)

    def throttle(self, *, times: int = 1) -> None:
        """The next calls are refused as too many."""
        self.fail_next(429, times=times)

    def slow_next(self, seconds: float, *, before_write: bool = False, on: str = "any", times: int = 1) -> None:
        """The next calls take this long, either before or after they are done."""
        moment = "before" if before_write else "after"
        self.misbehave(what="slow", seconds=seconds, on=on, moment=moment, times=times)

    def html_next(self, *, on: str = "any", times: int = 1) -> None:
        """The next calls are answered with an HTML page and status 200, as by a proxy, without having been done."""
        self.misbehave(what="html", on=on, moment="before", times=times)

    def move_clock(self, by: timedelta) -> None:
        """Jumps ahead in time; it is remembered with the state."""
        self.clock.move(by)
        self.store.set("clock offset", self.clock.offset.total_seconds())

    def let_late_requests_arrive(self) -> int:
        """Does what callers sent and gave up waiting for (slow before the write, in process); returns how many."""
        late, self._late = self._late, []
        for request in late:
            self._do(request)
        return len(late)

    def read_journal(
        self, since: int = 0, wrote: bool = False, path: str = "", limit: int = 1000
    ) -> list[dict[str, Any]]:
        """The journal as JSON values."""
        return self.journal.as_plain(self.journal.calls(since=since, wrote=wrote, path=path, limit=limit))

    def status(self) -> dict[str, Any]:
        """What it is, its time, what it did, and what it will do wrong."""
        return {
            "vendor": self.slug,
            "now": self.clock.now().isoformat(),
            "counts": self.journal.counts(),
            "misbehaviour": self.misbehaviour.as_plain(),
        }

    # how a call goes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        crowd = self.crowd(request)
        if crowd is None:
            return self._call(request, start_response)
        with self.limits.at_once(*crowd) as fits:
            if fits:
                return self._call(request, start_response)
            answer = self.failure(429)
            self._note(request, answer.status_code, ())
            return self._send(answer, request, start_response)

    def _call(self, request: Request, start_response: StartResponse) -> Iterable[bytes]:
        writes = self.means_to_write(request)
        trouble = self.misbehaviour.due(path=request.path, writes=writes, moment="before")
        if trouble is not None:
            if trouble.what == "slow" and trouble.seconds < self.longest_seconds:
                self._wait(trouble.seconds, request, acted=False)
            else:
                answer = self._spoil(self.failure(503), trouble, request)
                self._note(request, answer.status_code if answer else 0, ())
                return self._send(answer, request, start_response)
        answer, number, did = self._do(request)
        trouble = self.misbehaviour.due(path=request.path, writes=writes, moment="after") if did or not writes else None
        if trouble is not None:
            if trouble.what == "slow" and trouble.seconds < self.longest_seconds:
                self._wait(trouble.seconds, request, acted=True)
            else:
                spoiled = self._spoil(answer, trouble, request)
                self.journal.answered_with(number, spoiled.status_code if spoiled else 0)
                return self._send(spoiled, request, start_response)
        return self._send(answer, request, start_response)

    def _do(self, request: Request) -> tuple[Response, int, bool]:
        refusal = self.admit(request)
        if refusal is not None:
            return refusal, self._note(request, refusal.status_code, ()), False
        with self.store.transaction():
            self._did = []
            answer = self.handle(request)
            return answer, self._note(request, answer.status_code, self._did), bool(self._did)

    def _note(self, request: Request, status: int, did: Iterable[Deed]) -> int:
        body = None if self.is_secret(request) else request.get_data(cache=True).decode("utf-8", "replace")
        return self.journal.note(
            at=self.clock.now(),
            method=request.method,
            path=request.path,
            query=request.query_string.decode("latin-1"),
            body=body,
            status=status,
            did=tuple(did),
        )

    def _spoil(self, answer: Response, trouble: Trouble, request: Request) -> Response | None:
        """The answer that goes out instead; None is no answer at all."""
        if trouble.what == "drop":
            return None
        if trouble.what == "slow":
            self._wait(self.longest_seconds, request, acted=True)
            return self.failure(504)
        if trouble.what == "html":
            return Response(
                "<!doctype html><title>Please wait</title><h1>One moment, please</h1>", mimetype="text/html"
            )
        if trouble.what == "truncate":
            return Response(
                answer.get_data()[: len(answer.get_data()) // 2], answer.status_code, mimetype=answer.mimetype
            )
        return self.failure(trouble.status)

    def _wait(self, seconds: float, request: Request, *, acted: bool) -> None:
        patience = request.environ.get("simulation.timeout")
        if patience is None:
            time.sleep(seconds)
        elif seconds >= patience:
            if not acted:
                request.get_data(cache=True)
                self._late.append(request)
            raise ReplyTooLate(f"no answer within {patience} s")

    def _send(self, answer: Response | None, request: Request, start_response: StartResponse) -> Iterable[bytes]:
        if answer is not None:
            return answer(request.environ, start_response)
        connection = request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
        if connection is None:
            raise ConnectionCut("the connection was cut without an answer")
        connection.shutdown(socket.SHUT_RDWR)
        # The server now writes into a dead socket, which it takes as a caller that has gone away.
        return Response()(request.environ, start_response)

    def _restore_clock(self) -> None:
        self.clock.move(timedelta(seconds=float(self.store.setting("clock offset", 0))))


def fresh_token() -> str:
    """A value nobody can guess, for codes and tokens."""
    return secrets.token_urlsafe(32)


def epoch(moment: datetime) -> int:
    """Whole seconds since 1970."""
    return int(moment.timestamp())
