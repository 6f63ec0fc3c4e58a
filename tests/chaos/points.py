"""The named points at which a worker is killed, and how it comes to stand still at one of them.

Nothing of the product knows of this: a worker of the campaign watches its own statements, commits and calls from outside.
A worker that reaches its point says so and stops itself; the campaign then kills it, or lets time pass and lets it go on.
"""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from integrations.connections import authorise, line

BEFORE_INTENTS = "before the intents commit"
AFTER_INTENTS = "after the intents committed"
ABOUT_TO_SEND = "before the request goes"
DURING_THE_CALL = "during the call"
AFTER_THE_VENDOR = "after the vendor committed"
ANSWERED = "answered, nothing kept yet"
BEFORE_OUTCOME = "before the outcome commits"
AFTER_OUTCOME = "after the outcome committed"
ANYWHERE = "anywhere in a call or transaction"

POINTS = (
    BEFORE_INTENTS, AFTER_INTENTS, ABOUT_TO_SEND, DURING_THE_CALL, AFTER_THE_VENDOR, ANSWERED, BEFORE_OUTCOME, AFTER_OUTCOME,
    ANYWHERE,
)  # fmt: skip


@dataclass
class Watch:
    """What this worker is at, and where it is to stand still: at the `passage`-th time that it comes to `point`."""

    point: str
    passage: int
    say: Callable[[str], None]
    wrote: set[str] = field(default_factory=set)
    is_sending: bool = False

    def reached(self, point: str) -> None:
        """Stand still here, if this is the point and the time."""
        if point != self.point:
            return
        self.passage -= 1
        if self.passage == 0:
            self.say("at")
            os.kill(os.getpid(), signal.SIGSTOP)

    def begin(self) -> None:
        """Watch everything that this process does from now on."""
        connection_created.connect(self._watch_statements, weak=False)
        commit, rollback = BaseDatabaseWrapper._commit, BaseDatabaseWrapper._rollback

        def watched_commit(connection: Any) -> Any:
            wrote, self.wrote = self.wrote, set()
            for part, before, _ in COMMITS:
                if part in wrote:
                    self.reached(before)
            committed = commit(connection)
            for part, _, after in COMMITS:
                if part in wrote:
                    self.reached(after)
            return committed

        def watched_rollback(connection: Any) -> Any:
            self.wrote = set()
            return rollback(connection)

        BaseDatabaseWrapper._commit, BaseDatabaseWrapper._rollback = watched_commit, watched_rollback
        self._watch_calls()

    def _watch_statements(self, connection: Any, **kwargs: Any) -> None:
        def watched(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if sql.startswith('INSERT INTO "integrations_call"') and "write" in params:  # with the intents it carries
                self.wrote.add("intents")
            elif sql.startswith('UPDATE "integrations_call"') and "sent" in params:
                self.is_sending = True
            elif sql.startswith('UPDATE "integrations_call"') and "settled" in params:
                self.wrote.add("outcome")
            if connection.in_atomic_block:
                self.reached(ANYWHERE)
            return execute(sql, params, many, context)

        connection.execute_wrappers.append(watched)

    def _watch_calls(self) -> None:
        send, secrets_of, getresponse = line.send, authorise.secrets_of, http.client.HTTPConnection.getresponse

        def watched_send(*args: Any, **kwargs: Any) -> Any:
            try:
                answer = send(*args, **kwargs)
                if self.is_sending:
                    self.reached(ANSWERED)
                return answer
            finally:
                self.is_sending = False

        def watched_secrets(*args: Any, **kwargs: Any) -> Any:
            if self.is_sending:
                self.reached(ABOUT_TO_SEND)
            return secrets_of(*args, **kwargs)

        def watched_getresponse(connection: Any) -> Any:
            if self.is_sending:  # everything has been sent, and the vendor is at it
                self.reached(DURING_THE_CALL)
                self.reached(AFTER_THE_VENDOR)
            return getresponse(connection)

        line.send, authorise.secrets_of = watched_send, watched_secrets
        http.client.HTTPConnection.getresponse = watched_getresponse


COMMITS = (("intents", BEFORE_INTENTS, AFTER_INTENTS), ("outcome", BEFORE_OUTCOME, AFTER_OUTCOME))
