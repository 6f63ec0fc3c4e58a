"""The vendor's side of a connection whose vendor polls us: it comes, works off what waits, and leaves."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from werkzeug.test import Client

from integrations.connections import queue
from integrations.connections.models import Connection, Visit
from integrations.simulation.simulator import ConnectionCut
from integrations.sync.services import wake_runs
from integrations.wire.message import Answer, Request
from tests.sync.toys import Toy


@dataclass
class Desk:
    """A program on the customer's machine, whose books are a toy."""

    toy: Toy
    connection: Connection

    def come(self, *, most: int = 1000) -> int:
        """One visit: fetch, work and bring, at most so often; gives how often. What it breaks off at is lost."""
        with transaction.atomic():
            now = timezone.now()
            visit = Visit.objects.create(connection=self.connection, came_at=now, last_at=now)
        done = 0
        while done < most:
            with transaction.atomic():
                request = queue.fetch(visit)
            if request is None:
                break
            done += 1
            try:
                answer = self._work(request)
            except ConnectionCut:
                break
            with transaction.atomic():
                queue.bring(visit, answer)
        with transaction.atomic():
            queue.lose(visit)
            visit.left_at = timezone.now()
            visit.save()
            wake_runs(self.connection)
        return done

    def _work(self, request: Request) -> Answer:
        answer = Client(self.toy).open(
            path=request.path,
            method=request.method,
            query_string=dict(request.params),
            headers=dict(request.headers),
            data=request.body,
        )
        return Answer(status=200, body=answer.get_data())
