"""Calls: what we mean, and exactly what is sent, are committed before anything goes; what came back is kept as it came.

    prepared ──send──▶ sent ──▶ answered ──settle──▶ settled
        ▲               │ │         ▲
        │               │ └─ later ─┴─ waiting: asked for again, in whichever slice, and never sent anew
        └─ never left ──┤                 │
                        └─ no answer ─────┴──▶ lost ──look up──▶ settled, or sent again exactly as it was

A lost call is never composed anew: until a look-up at the vendor says what became of it, its intents are unknown, and
"it is not there" is concluded only after the longest time for which the vendor may still be at work.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from integrations.connections import line
from integrations.sync import backoff
from integrations.sync.envelope import open_intents, request_of, settle_seconds, target_of
from integrations.sync.models import Call, CallIntent, Flow, Intent, Item, Run
from integrations.wire.errors import Refused, TryLater, VendorError
from integrations.wire.limits import Urgency
from integrations.wire.message import Answer, Pending
from plumbing.slices import after

# A lease outlives the request that is sent under it, with room for what is committed afterwards.
MARGIN = 60
VERY_MANY = 1000  # changes of one run, from which on it is a backfill
IN_OTHER_HANDS = 2  # seconds until a run looks again at what another worker is just doing
APART_AFTER, MOST_SENDS = 3, 12  # lost answers of a call: then its records go one by one; then it goes no more
SECRET_HEADERS = ("set-cookie", "www-authenticate", "authorization")


def send(run: Run, call: Call) -> None:
    """Send a prepared call: its answer is kept, or comes later, or the call is lost on the way.

    Raises VendorError, the call still prepared, where the vendor is known not to have seen it.
    """
    with transaction.atomic():
        # Who cancels the run changes its row first as well: either that came before, or this call still goes.
        run.renew(seconds=call.timeout + MARGIN)
        run.check_wanted()
        now = timezone.now()
        # The oftener its answer was lost, the longer it takes until anybody looks, and so until it goes again.
        longer = backoff.pause(call.sends, chance=random.random()) if call.sends else 0  # noqa: S311  # not money
        quiet_at = now + timedelta(seconds=settle_seconds(call.run.flow) + longer)
        move(call, (Call.State.PREPARED,), Call.State.SENT, sent_at=now, sends=call.sends + 1, quiet_at=quiet_at)
        several = open_intents(call).update(state=Intent.State.SENT) > 1
    _hear(
        run,
        call,
        lambda: line.send(
            target_of(call), request_of(call), before=run.leased_until, batch=several, urgency=urgency_of(run)
        ),
    )


def ask_again(run: Run, call: Call) -> None:
    """Ask for the answer that a call waits for. Raises VendorError where nobody can be asked; then it waits on."""
    with transaction.atomic():
        run.renew(seconds=call.timeout + MARGIN)
        run.check_wanted()
    _hear(run, call, lambda: line.collect(target_of(call), request_of(call), before=run.leased_until))


def urgency_of(run: Run) -> Urgency:
    """How urgent the postings of a run are: one that brings very many lets others go first."""
    planned = sum(run.counts.get(operation, 0) for operation in ("create", "update", "void"))
    return Urgency.BACKFILL if planned > VERY_MANY else Urgency.POSTING


def pick_up(run: Run, call: Call) -> None:
    """Find out how far a call came whose worker ended while it was sending: it waits, never left, or is lost."""
    with transaction.atomic():
        run.hold()
        if line.is_outstanding(target_of(call), request_of(call)):
            move(call, (Call.State.SENT,), Call.State.WAITING, ask_at=timezone.now())
        elif line.take_back(target_of(call), request_of(call)):
            _back_to_prepared(call, "the vendor had not fetched it yet")
        else:
            _lose(call, "the worker that sent it ended before the answer was kept")
        _withdraw_if_ended(call)


def _hear(run: Run, call: Call, ask: Callable[[], Answer | Pending]) -> None:
    """Write down what came of asking the vendor, whatever it is."""
    try:
        answer = ask()
    except VendorError as error:
        if error.may_have_acted:
            lose(run, call, error.words or error.explanation)
            return
        if call.state == Call.State.SENT or isinstance(error, TryLater):
            back_to_prepared(run, call, error.words)
        raise
    if isinstance(answer, Pending):
        wait(run, call, answer)
    else:
        keep_answer(run, call, answer)


def wait(run: Run, call: Call, pending: Pending) -> None:
    """The vendor has not fetched or not finished it: the answer is asked for later, in whichever slice."""
    with transaction.atomic():
        run.hold()
        ask_at = timezone.now() + timedelta(seconds=pending.after)
        move(call, (Call.State.SENT, Call.State.WAITING), Call.State.WAITING, ask_at=ask_at)
        _withdraw_if_ended(call)


def keep_answer(run: Run, call: Call, answer: Answer) -> None:
    """Write down what came back, before anything is concluded from it."""
    with transaction.atomic():
        run.hold()
        move(
            call,
            (Call.State.SENT, Call.State.WAITING, Call.State.LOST),
            Call.State.ANSWERED,
            sent_at=answer.asked_at or call.sent_at,
            answered_at=answer.received_at,
            status=answer.status,
            answer_headers={name: text for name, text in answer.headers.items() if name.lower() not in SECRET_HEADERS},
            answer=_text(answer.body),
        )


def lose(run: Run, call: Call, words: str) -> None:
    """The call went, and nobody knows what became of it: its intents are unknown until a look-up tells."""
    with transaction.atomic():
        run.hold()
        _lose(call, words)


def _lose(call: Call, words: str) -> None:
    line.forget(target_of(call), request_of(call))
    quiet_at = call.quiet_at
    if call.state == Call.State.WAITING:  # however long ago it was sent, the vendor was at it till now
        quiet_at = timezone.now() + timedelta(seconds=settle_seconds(call.run.flow))
    before = (Call.State.SENT, Call.State.WAITING, Call.State.ANSWERED)
    move(call, before, Call.State.LOST, words=words, quiet_at=quiet_at)
    open_intents(call).update(state=Intent.State.UNKNOWN)


def back_to_prepared(run: Run, call: Call, words: str) -> None:
    """The vendor is known to have done nothing: the same call may go again."""
    with transaction.atomic():
        run.hold()
        _back_to_prepared(call, words)


def _back_to_prepared(call: Call, words: str) -> None:
    line.forget(target_of(call), request_of(call))
    before = (Call.State.SENT, Call.State.WAITING, Call.State.ANSWERED, Call.State.LOST)
    move(call, before, Call.State.PREPARED, words=words)
    open_intents(call).update(state=Intent.State.READY)


def others_went(call: Call) -> bool:
    """Whether the vendor has taken a write of the same object that was composed after this one: it is well, but for this."""
    later = Call.objects.filter(connection=call.connection_id, object=call.object, purpose=Call.Purpose.WRITE)
    return later.filter(pk__gt=call.pk, state=Call.State.SETTLED, status__range=(200, 299)).exists()


def worn_out(call: Call) -> Refused | None:
    """What to say of a call that went so often that it goes no more; None where it may go again."""
    if call.sends < MOST_SENDS:
        return None
    return Refused(
        call.words,
        explanation=f"The vendor was sent this {call.sends} times; each time its answer broke off, and nothing of it is there.",
        advice="Look for what is odd about the record; where all records meet this, ask the vendor. Then release it.",
    )


def withdraw(run: Run) -> None:
    """Take back what an ended run had prepared and what no vendor has fetched: the next run decides it anew.

    Inside a transaction that has changed the run's row. What is half done stays: it has to be brought to its end.
    """
    early = (Call.State.PREPARED, Call.State.WAITING)
    ours = Call.objects.filter(run=run, purpose=Call.Purpose.WRITE, state__in=early).select_for_update()
    withdrawn = [
        call.pk
        for call in ours
        if call.state == Call.State.PREPARED or line.take_back(run.flow.target, request_of(call))
    ]
    carried = CallIntent.objects.filter(call__in=withdrawn).values("intent")
    dropped = Intent.objects.filter(pk__in=carried, step=1, settled_at=None)
    Item.objects.filter(pk__in=dropped.values("item"), state=Item.State.APPLYING).update(state=Item.State.PLANNED)
    Intent.objects.filter(pk__in=carried, step__gt=1, settled_at=None).update(state=Intent.State.READY)
    dropped.update(state=Intent.State.DROPPED, settled_at=timezone.now())
    Call.objects.filter(pk__in=withdrawn).update(state=Call.State.SETTLED, words="withdrawn before it was sent")


def _withdraw_if_ended(call: Call) -> None:
    """A run that was ended while its call was being handed over takes it back, if it still can."""
    if Run.objects.filter(pk=call.run_id, state__in=Run.ENDED).exists():
        withdraw(call.run)


def half_done(flow: Flow, identities: Collection[UUID]) -> dict[UUID, Intent]:
    """What was begun at the target and then refused at a later step, and is not brought to its end: identity → intent."""
    meant = Intent.objects.filter(connection=flow.target_id, object=flow.target_object, identity__in=identities)
    last = meant.order_by("identity", "-pk").distinct("identity").select_related("item")
    return {each.identity_id: each for each in last if each.state == Intent.State.REFUSED and each.step > 1}


def revive(item: Item) -> bool:
    """Take up the step at which a record was refused; False where it was not begun, or something else was done since.

    What was decided about it in the meantime is decided anew once that step is done. Inside a transaction.
    """
    last = half_done(item.flow, [item.identity_id]).get(item.identity_id)
    if last is None or (last.item.flow_id, last.item.record_id) != (item.flow_id, item.record_id):
        return False
    Intent.objects.filter(pk=last.pk).update(state=Intent.State.READY, settled_at=None)
    overtaken = last.item_id != item.pk
    if overtaken:
        Item.objects.filter(pk=item.pk).update(state=Item.State.SUPERSEDED, ended_at=timezone.now())
    Item.objects.filter(pk=last.item_id).update(
        state=Item.State.APPLYING, reason=Item.ALONE, ended_at=None, again=overtaken
    )
    return True


def move(call: Call, before: Sequence[str], to: str, **changes: Any) -> None:
    """Move a call on, once: raises NotNow where another worker has moved it already. Inside a transaction."""
    # The number of sendings tells a worker that comes back late from the one that has sent the call again since.
    standing = Call.objects.filter(pk=call.pk, state__in=before, sends=call.sends)
    changes = {"state": to, "ask_at": None, **changes}
    if not standing.update(**changes):
        raise after(IN_OTHER_HANDS, "another worker is at a call that this run has to wait for")
    for name, value in changes.items():
        setattr(call, name, value)


def _text(body: bytes) -> str:
    """An answer's bytes as text that a database takes, whatever they are."""
    return body.decode("utf-8", "replace").replace("\0", "\ufffd")
