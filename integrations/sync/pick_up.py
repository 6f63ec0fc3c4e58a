"""Pick up: what a source handed over is taken out of its way, once everything in it is kept here for good."""

from __future__ import annotations

from django.db import transaction

from integrations.connections import line
from integrations.connections.models import Connection
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.records import issues
from integrations.records.models import Issue, Stream
from integrations.sync import stages
from integrations.sync.models import Flow, Run
from integrations.wire.errors import ContractBroken, OutOfLimits, Refused
from integrations.wire.message import Answer, json_of
from tenants import audit


def pick_up(run: Run) -> None:
    """Tell the source what it need not hold any longer: what every flow that reads there has kept, and nobody must see to.

    Repeatable: after a crash it is told again. A source that does not let us do it becomes an issue, and the run goes on.
    Raises LeaseLost, and VendorError where the source cannot be reached.
    """
    source = run.flow.source
    dialect = connector(source.connector).dialect
    if dialect.picked_up((), (), site_of(source)) is None:
        return
    with transaction.atomic():
        marks, leave = _marks(source), _leave(source)
    if marks is None or leave is None:
        return
    request = dialect.picked_up(marks, leave, site_of(source))
    if request is None:
        return
    stages.enter(run, "picking up")
    about = issues.about("not_picked_up", source.pk)
    try:
        answer = line.send(source, request, before=run.leased_until)
    except (Refused, OutOfLimits, ContractBroken) as error:
        with transaction.atomic():
            issues.open_issues([
                Issue(code="not_picked_up", about=about, connection=source, where=str(source), words=str(error),
                      explanation="What was read could not be taken out of the way; it is kept here, and nothing is lost.",
                      advice="Let the user move and delete files there, or let them stay where they are.")
            ])  # fmt: skip
        return
    picked = json_of(answer)["picked_up"] if isinstance(answer, Answer) else []
    with transaction.atomic():
        issues.solve([about])
        if picked:
            run.count({"picked_up": len(picked)})
            audit.record("files.picked_up", subject=source, data={"files": picked, "run": str(run.pk)})


def _marks(source: Connection) -> list[str] | None:
    """How far each object that a flow reads there is kept; None where one was never read to the end."""
    objects = set(Flow.objects.filter(source=source, enabled=True).values_list("source_object", flat=True))
    marks = dict(Stream.objects.filter(connection=source, object__in=objects).values_list("object", "mark"))
    if not objects or any(not marks.get(name) for name in objects):
        return None
    return sorted(marks.values())


def _leave(source: Connection) -> list[str] | None:
    """Files of which something still needs a person; None where an issue does not tell which file it is about."""
    standing = Issue.objects.filter(state=Issue.State.OPEN, code="unreadable", connection=source)
    places = list(standing.values_list("where", flat=True))
    labels = tuple(f"{stream.label} " for stream in connector(source.connector).streams)
    if any(place.startswith(labels) for place in places):
        return None
    return sorted({place.rpartition(", line ")[0] or place for place in places})
