"""Look up: whether a lost call was done is asked of the vendor; the question and its answer are kept as a call of their own."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from integrations.connections import line
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.sync import calls
from integrations.sync.envelope import facts_of, intents_of, new_call, writes_of
from integrations.sync.models import Call, Run
from integrations.wire.limits import Urgency
from integrations.wire.message import Answer, Pending, Request


def look_up(run: Run, call: Call) -> Answer | None:
    """Ask the vendor whether a lost call was done; None where the answer comes later."""
    flow = call.run.flow
    writes = writes_of(flow, intents_of(call))
    request = connector(flow.target.connector).dialect.look_up(facts_of(flow), writes, site_of(flow.target))
    with transaction.atomic():
        run.renew(seconds=request.timeout + calls.MARGIN)
        run.check_wanted()
        question = _question(call, request)
        question.save()
    answer = line.send(
        flow.target, request, before=run.leased_until, batch=True, not_before=call.quiet_at, urgency=Urgency.POSTING
    )
    if isinstance(answer, Pending):
        calls.wait(run, question, answer)
        with transaction.atomic():
            calls.move(call, (Call.State.LOST,), Call.State.LOST, ask_at=question.ask_at)
        return None
    calls.keep_answer(run, question, answer)
    with transaction.atomic():
        Call.objects.filter(pk=question.pk).update(state=Call.State.SETTLED)
    return answer


def _question(call: Call, request: Request) -> Call:
    """The look-up of a lost call: the one that was begun since it was lost, or a new one."""
    begun = Call.objects.filter(
        purpose=Call.Purpose.LOOK_UP,
        run=call.run_id,
        key=call.key,
        step=call.step,
        state__in=(Call.State.SENT, Call.State.WAITING),
        sent_at__gte=call.quiet_at or timezone.now(),
    )
    question = begun.first()
    if question is None:
        question = new_call(call.run, request, purpose=Call.Purpose.LOOK_UP, key=call.key, step=call.step)
        question.state, question.sent_at, question.sends = Call.State.SENT, timezone.now(), 1
    return question
