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

import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from integrations.canonical import codec
from integrations.connections import line
from integrations.connections.models import Connection
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.crosswalk import who
from integrations.records.keep import exact
from integrations.records.models import Record, Stream
from integrations.sync.lines import with_line_ids
from integrations.sync.models import Call, CallIntent, Flow, Intent, Item, Run
from integrations.wire.connector import Write
from integrations.wire.errors import Refused, ShapeError, TryLater, VendorError
from integrations.wire.message import Answer, Pending, Request
from integrations.wire.stream import Operation
from integrations.wire.stream import Stream as Facts
from plumbing.pages import write_page
from plumbing.slices import NotNow, after

# A lease outlives the request that is sent under it, with room for what is committed afterwards.
MARGIN = 60
# The vendor refused a batch as a whole: its records go one by one, so that one cannot stop the others.
ALONE = "alone"
MOST_WAITING = 100  # calls of a run whose answers come later, before it waits for one of them
IN_OTHER_HANDS = 2  # seconds until a run looks again at what another worker is just doing
SECRET_HEADERS = ("set-cookie", "www-authenticate", "authorization")
ENDED = (Run.State.DONE, Run.State.FAILED, Run.State.CANCELLED)
UNSETTLED = (Call.State.PREPARED, Call.State.SENT, Call.State.WAITING, Call.State.ANSWERED, Call.State.LOST)


class Unfit(Exception):
    """One record of a batch cannot be said in the vendor's terms: the others can go."""

    def __init__(self, item: Item, error: VendorError) -> None:
        super().__init__(str(error))
        self.item, self.error = item, error


def facts_of(flow: Flow) -> Facts:
    """What the target's connector says about the object that the flow writes."""
    return connector(flow.target.connector).stream(flow.target_object)


def next_items(run: Run) -> list[Item]:
    """The next batch of planned items, of one operation, in the order in which they were planned."""
    with transaction.atomic():
        planned = Item.objects.filter(run=run, state=Item.State.PLANNED).select_related("record").order_by("pk")
        items = list(planned[: facts_of(run.flow).batch])
    if items and items[0].reason == ALONE:
        return items[:1]
    return [item for item in items if item.operation == items[0].operation and item.reason != ALONE]


def prepare(run: Run, items: Sequence[Item]) -> Call | None:
    """Commit the intents for these items and the one request that carries them; None where nothing was left to send.

    Serialised for each (target connection, object), so that two flows into one target cannot both create. Raises
    LeaseLost, and Unfit for a record that cannot be said in the vendor's terms.
    """
    with transaction.atomic():
        run.hold()
        run.check_wanted()
        _serialise(run)
        items = _still_right(run, items)
        if not items:
            return None
        return _compose(run, _intend(run, items))


def next_step(run: Run) -> Call | None:
    """The call for the next step of what is half done (create, post, pay are three); None where nothing is.

    What a run that has ended left half done counts too. Raises LeaseLost and Unfit.
    """
    dialect, facts = connector(run.flow.target.connector).dialect, facts_of(run.flow)
    if all(dialect.steps(facts, operation) == 1 for operation in facts.writes):
        return None
    with transaction.atomic():
        run.hold()
        run.check_wanted()
        _serialise(run)
        begun = Intent.objects.filter(
            Q(item__run=run) | Q(item__run__state__in=ENDED),
            connection=run.flow.target_id,
            object=run.flow.target_object,
            state=Intent.State.READY,
            step__gt=1,
            settled_at=None,
        ).exclude(callintent__call__state__in=UNSETTLED)
        begun = begun.select_related("item__record", "item__run__flow__target", "item__run__flow__mapping")
        page = list(begun.order_by("step", "item__run", "operation", "pk")[: facts.batch])
        batch = [each for each in page if _goes_with(each, page[0])]
        return _compose(batch[0].item.run, batch, step=batch[0].step) if batch else None


def _goes_with(intent: Intent, first: Intent) -> bool:
    """Whether the next step of an intent fits into the call that carries that of the first."""
    if intent == first:
        return True
    alike = all(getattr(intent, name) == getattr(first, name) for name in ("step", "operation"))
    return alike and intent.item.run_id == first.item.run_id and ALONE not in (intent.item.reason, first.item.reason)


def send(run: Run, call: Call) -> None:
    """Send a prepared call: its answer is kept, or comes later, or the call is lost on the way.

    Raises VendorError, the call still prepared, where the vendor is known not to have seen it.
    """
    with transaction.atomic():
        # Who cancels the run changes its row first as well: either that came before, or this call still goes.
        run.renew(seconds=call.timeout + MARGIN)
        run.check_wanted()
        now = timezone.now()
        quiet_at = now + timedelta(seconds=_settle_seconds(call.run.flow))
        move(call, (Call.State.PREPARED,), Call.State.SENT, sent_at=now, sends=call.sends + 1, quiet_at=quiet_at)
        several = _intents(call).update(state=Intent.State.SENT) > 1
    _hear(run, call, lambda: line.send(_target(call), request_of(call), before=run.leased_until, batch=several))


def ask_again(run: Run, call: Call) -> None:
    """Ask for the answer that a call waits for. Raises VendorError where nobody can be asked; then it waits on."""
    with transaction.atomic():
        run.renew(seconds=call.timeout + MARGIN)
        run.check_wanted()
    _hear(run, call, lambda: line.collect(_target(call), request_of(call), before=run.leased_until))


def pick_up(run: Run, call: Call) -> None:
    """Find out how far a call came whose worker ended while it was sending: it waits, never left, or is lost."""
    with transaction.atomic():
        run.hold()
        if line.is_outstanding(_target(call), request_of(call)):
            move(call, (Call.State.SENT,), Call.State.WAITING, ask_at=timezone.now())
        elif line.take_back(_target(call), request_of(call)):
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
    line.forget(_target(call), request_of(call))
    quiet_at = call.quiet_at
    if call.state == Call.State.WAITING:  # however long ago it was sent, the vendor was at it till now
        quiet_at = timezone.now() + timedelta(seconds=_settle_seconds(call.run.flow))
    before = (Call.State.SENT, Call.State.WAITING, Call.State.ANSWERED)
    move(call, before, Call.State.LOST, words=words, quiet_at=quiet_at)
    _intents(call).update(state=Intent.State.UNKNOWN)


def back_to_prepared(run: Run, call: Call, words: str) -> None:
    """The vendor is known to have done nothing: the same call may go again."""
    with transaction.atomic():
        run.hold()
        _back_to_prepared(call, words)


def _back_to_prepared(call: Call, words: str) -> None:
    line.forget(_target(call), request_of(call))
    before = (Call.State.SENT, Call.State.WAITING, Call.State.ANSWERED, Call.State.LOST)
    move(call, before, Call.State.PREPARED, words=words)
    _intents(call).update(state=Intent.State.READY)


def _withdraw_if_ended(call: Call) -> None:
    """A run that was ended while its call was being handed over takes it back, if it still can."""
    if Run.objects.filter(pk=call.run_id, state__in=ENDED).exists():
        withdraw(call.run)


def revive(item: Item) -> bool:
    """Take up the step at which an item was refused; False where it was not begun, or something else was done since.

    Inside a transaction.
    """
    last = Intent.objects.filter(
        connection=item.flow.target_id, object=item.flow.target_object, identity=item.identity_id
    ).order_by("pk").last()  # fmt: skip
    if last is None or last.item_id != item.pk or last.state != Intent.State.REFUSED or last.step == 1:
        return False
    Intent.objects.filter(pk=last.pk).update(state=Intent.State.READY, settled_at=None)
    return True


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


def move(call: Call, before: Sequence[str], to: str, **changes: Any) -> None:
    """Move a call on, once: raises NotNow where another worker has moved it already. Inside a transaction."""
    # The number of sendings tells a worker that comes back late from the one that has sent the call again since.
    standing = Call.objects.filter(pk=call.pk, state__in=before, sends=call.sends)
    changes = {"state": to, "ask_at": None, **changes}
    if not standing.update(**changes):
        raise after(IN_OTHER_HANDS, "another worker is at a call that this run has to wait for")
    for name, value in changes.items():
        setattr(call, name, value)


@transaction.atomic
def left_behind(run: Run) -> Call | None:
    """The oldest call into this run's target object that was left before it was settled, and that can go on now.

    Those of another run count only once that run has ended: else its own worker takes them up.
    """
    now = timezone.now()
    is_quiet = ~Q(state=Call.State.LOST) | Q(quiet_at__lte=now)
    is_due = Q(ask_at=None) | Q(ask_at__lte=now)
    call = (
        _unsettled(run)
        .filter(is_quiet, is_due)
        .select_related("run__flow__source", "run__flow__target", "run__flow__mapping")
        .first()
    )
    if call is not None and call.run_id == run.pk:
        call.run = run
    return call


@transaction.atomic
def many_wait(run: Run) -> bool:
    """Whether so many calls of the run wait for their answers that no more are to be sent."""
    return _unsettled(run).filter(run=run, state=Call.State.WAITING)[MOST_WAITING - 1 : MOST_WAITING].exists()


def look_at_once(run: Run) -> None:
    """Something came that the run may be waiting for: its calls are due now. Inside a transaction."""
    _unsettled(run).filter(run=run).update(ask_at=None)


@transaction.atomic
def wait_for_answers(run: Run) -> None:
    """Raises NotNow while a call of this run waits for its answer, or is lost and may still take effect."""
    ours = _unsettled(run).filter(run=run, state__in=(Call.State.WAITING, Call.State.LOST))
    due = [
        (max(filter(None, (ask_at, quiet_at if state == Call.State.LOST else None)), default=timezone.now()), state)
        for state, ask_at, quiet_at in ours.values_list("state", "ask_at", "quiet_at")
    ]
    if due:
        at, state = min(due)
        raise NotNow(at, WHY[state])


WHY: dict[str, str] = {
    Call.State.WAITING: "the vendor has not fetched or finished a request yet",
    Call.State.LOST: "an answer was lost; it is looked up when the vendor can no longer be at it",
}


def _unsettled(run: Run) -> QuerySet[Call]:
    own, ended = Q(run=run), Q(run__state__in=ENDED)
    return Call.objects.filter(
        own | ended,
        connection=run.flow.target_id,
        object=run.flow.target_object,
        purpose=Call.Purpose.WRITE,
        state__in=UNSETTLED,
    ).order_by("pk")


def look_up(run: Run, call: Call) -> Answer | None:
    """Ask the vendor whether a lost call was done; None where the answer comes later.

    The question and its answer are kept as a call of their own.
    """
    flow = call.run.flow
    writes = writes_of(flow, intents_of(call))
    request = connector(flow.target.connector).dialect.look_up(facts_of(flow), writes, site_of(flow.target))
    with transaction.atomic():
        run.renew(seconds=request.timeout + MARGIN)
        run.check_wanted()
        question = _question(call, request)
        question.save()
    answer = line.send(flow.target, request, before=run.leased_until, batch=True, not_before=call.quiet_at)
    if isinstance(answer, Pending):
        wait(run, question, answer)
        with transaction.atomic():
            move(call, (Call.State.LOST,), Call.State.LOST, ask_at=question.ask_at)
        return None
    keep_answer(run, question, answer)
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
        question = _new_call(call.run, request, purpose=Call.Purpose.LOOK_UP, key=call.key, step=call.step)
        question.state, question.sent_at, question.sends = Call.State.SENT, timezone.now(), 1
    return question


def request_of(call: Call) -> Request:
    """The request exactly as it was committed."""
    return Request(
        method=call.method,
        path=call.path,
        params=call.params,
        headers=call.headers,
        body=call.body.encode(),
        timeout=call.timeout,
    )


def answer_of(call: Call) -> Answer:
    """The answer exactly as it was kept."""
    if call.status is None or call.answered_at is None:
        raise ValueError(f"{call} has no answer yet.")
    return Answer(
        status=call.status,
        headers=call.answer_headers,
        body=call.answer.encode(),
        received_at=call.answered_at,
    )


@transaction.atomic
def intents_of(call: Call) -> list[Intent]:
    """The intents that a call carries, in the order in which they stand in the request."""
    carried = list(CallIntent.objects.filter(call=call).order_by("position").values_list("intent_id", flat=True))
    found = Intent.objects.filter(pk__in=carried).prefetch_related("item__record").in_bulk()
    return [found[pk] for pk in carried]


@transaction.atomic
def writes_of(flow: Flow, intents: Sequence[Intent]) -> list[Write]:
    """The intents in the connector's terms, with what the target last said of each record."""
    kind = flow.mapping.kind_to
    wanted = {
        intent.item.record.external_id: codec.decode(kind, intent.item.wanted.encode())
        for intent in intents
        if intent.item.wanted
    }
    wanted = with_line_ids(flow, wanted)
    names = who.names([intent.identity_id for intent in intents], at=flow.target, object=flow.target_object)
    rows = Record.objects.filter(connection=flow.target_id, object=flow.target_object, external_id__in=names.values())
    held = {row.external_id: row for row in rows}
    writes = []
    for intent in intents:
        name = names.get(intent.identity_id)
        row = held.get(name) if name else None
        writes.append(
            Write(
                key=intent.key,
                operation=cast(Operation, intent.operation),
                record=wanted.get(intent.item.record.external_id),
                external_id=name,
                version=row.version if row else None,
                only=frozenset(intent.item.fields) if intent.operation == Item.Operation.UPDATE else frozenset(),
                raw=exact(row.raw) if row else None,
            )
        )
    return writes


def _serialise(run: Run) -> None:
    """Let one worker at a time match and commit intents for this object of the target, to the end of the transaction."""
    row, _ = Stream.objects.get_or_create(connection_id=run.flow.target_id, object=run.flow.target_object)
    Stream.objects.select_for_update().get(pk=row.pk)


def _still_right(run: Run, items: Sequence[Item]) -> list[Item]:
    """Those items that nothing overtook since they were planned; the others are decided again."""
    flow = run.flow
    identities = [item.identity_id for item in items]
    named = who.names(identities, at=flow.target, object=flow.target_object)
    unsettled = set(
        Intent.objects.filter(
            connection=flow.target_id, object=flow.target_object, identity__in=identities, settled_at=None
        ).values_list("identity_id", flat=True)
    )
    held = Record.objects.filter(connection=flow.target_id, object=flow.target_object, external_id__in=named.values())
    seen = dict(held.values_list("external_id", "raw_hash"))

    def is_overtaken(item: Item) -> bool:
        name = named.get(item.identity_id)
        if item.operation == Item.Operation.CREATE:
            return name is not None
        return seen.get(name or "", "") != item.target_seen

    overtaken = [item.pk for item in items if item.identity_id in unsettled or is_overtaken(item)]
    Item.objects.filter(pk__in=overtaken).update(
        state=Item.State.WAITING, reason="overtaken", words="something else was done about this record in between"
    )
    return [item for item in items if item.pk not in overtaken]


def _intend(run: Run, items: Sequence[Item]) -> list[Intent]:
    """What we mean to do, one intent an item."""
    flow = run.flow
    settled = (
        Intent.objects.filter(
            connection=flow.target_id,
            object=flow.target_object,
            identity__in=[item.identity_id for item in items],
        )
        .exclude(settled_at=None)
        .values("identity_id", "operation")
        .annotate(times=Count("pk"))
    )
    before = {(row["identity_id"], row["operation"]): row["times"] for row in settled}
    intents = []
    for item in items:
        n = before.get((item.identity_id, item.operation), 0)
        intents.append(
            Intent(
                connection=flow.target,
                object=flow.target_object,
                identity_id=item.identity_id,
                item=item,
                operation=item.operation,
                n=n,
                key=key_of(flow.target_id, flow.target_object, item.identity_id, item.operation, n),
                created_at=timezone.now(),
            )
        )
    return intents


def key_of(target: UUID, object: str, identity: UUID, operation: str, n: int) -> str:
    """The key of an intent: the same for the same meaning, whoever means it and whatever the content is."""
    meant = f"{target}/{object}/{identity}/{operation}/{n}"
    return hashlib.sha256(meant.encode()).hexdigest()[:32]


def _compose(run: Run, intents: Sequence[Intent], *, step: int = 1) -> Call:
    facts, site = facts_of(run.flow), site_of(run.flow.target)
    dialect = connector(run.flow.target.connector).dialect
    writes = writes_of(run.flow, intents)
    key = hashlib.sha256("/".join(f"{intent.key}.{step}" for intent in intents).encode()).hexdigest()[:32]
    try:
        request = dialect.compose(facts, writes, key, site, step)
    except (Refused, ShapeError) as error:
        raise _unfit(run, intents, error, step) from error
    call = _new_call(run, request, purpose=Call.Purpose.WRITE, key=key, step=step)
    call.save(force_insert=True)
    if step == 1:
        write_page(intents)
        Item.objects.filter(pk__in=[intent.item_id for intent in intents]).update(state=Item.State.APPLYING)
    write_page([CallIntent(call=call, intent=intent, position=position) for position, intent in enumerate(intents)])
    return call


def _unfit(run: Run, intents: Sequence[Intent], error: VendorError, step: int) -> Unfit:
    """Which one of a batch cannot be said; composing them one by one tells."""
    facts, site = facts_of(run.flow), site_of(run.flow.target)
    dialect = connector(run.flow.target.connector).dialect
    for intent, write in zip(intents, writes_of(run.flow, intents), strict=True):
        try:
            dialect.compose(facts, [write], intent.key, site, step)
        except (Refused, ShapeError) as own:
            return Unfit(intent.item, own)
    return Unfit(intents[0].item, error)


def _new_call(run: Run, request: Request, *, purpose: str, key: str, step: int) -> Call:
    return Call(
        connection=run.flow.target,
        object=run.flow.target_object,
        run=run,
        purpose=purpose,
        step=step,
        key=key,
        method=request.method,
        path=request.path,
        params=dict(request.params),
        headers=dict(request.headers),
        body=request.body.decode(),
        timeout=request.timeout,
    )


def _target(call: Call) -> Connection:
    return call.run.flow.target


def _intents(call: Call) -> QuerySet[Intent]:
    return Intent.objects.filter(callintent__call=call, settled_at=None)


def _text(body: bytes) -> str:
    """An answer's bytes as text that a database takes, whatever they are."""
    return body.decode("utf-8", "replace").replace("\0", "\ufffd")


def _settle_seconds(flow: Flow) -> int:
    return int(flow.target.settings.get("settle_seconds", facts_of(flow).settle_seconds))
