"""Settle: what became of a call, written down once: links, agreements, what the target holds now, issues, audit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from integrations.canonical import codec
from integrations.canonical.record import Record as Canonical
from integrations.connections import line
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.crosswalk import who
from integrations.crosswalk.models import Link
from integrations.mapping.models import Agreement
from integrations.mapping.prepared import prepare
from integrations.records import issues
from integrations.records.keep import keep
from integrations.records.models import Issue, Record, Stream
from integrations.sync import both_ways, calls, closing, credited, origins
from integrations.sync.decide import Agreed, agree
from integrations.sync.envelope import answer_of, facts_of, intents_of, meant_by, writes_of
from integrations.sync.fields import comparable, restore, store
from integrations.sync.lines import Pair, knowing_lines, lines_of, link_lines, rebuilt
from integrations.sync.models import Call, Intent, Item, Run
from integrations.sync.terms import terms_of
from integrations.wire.connector import Done, Failed, Outcome
from integrations.wire.errors import (
    ConsentLost,
    Forbidden,
    OutOfLimits,
    PeriodClosed,
    Refused,
    Stale,
    TryLater,
    VendorError,
)
from integrations.wire.message import Answer
from integrations.wire.stream import Gone, Operation, Page
from plumbing.pages import update_page, write_page
from tenants import audit


def settle(run: Run, call: Call) -> None:
    """Conclude from the answer to a call what became of each of its intents.

    Where the vendor did nothing, the call is ready to go again and the vendor's error is raised; where it may have
    acted, the call is lost. Records of a batch that was refused as a whole go again one by one.
    """
    flow = call.run.flow
    intents = intents_of(call)
    writes = writes_of(flow, intents)
    try:
        with line.heard(flow.target):
            outcomes = connector(flow.target.connector).dialect.outcomes(
                facts_of(flow), writes, answer_of(call), site_of(flow.target), call.step
            )
            _all_clear(outcomes)
    except VendorError as error:
        if error.may_have_acted:
            calls.lose(run, call, _said(error))
        elif isinstance(error, Refused | Stale) and not isinstance(error, Forbidden):
            if len(intents) == 1:
                conclude(run, call, intents, [Failed(error=error)])
            else:
                conclude(run, call, intents, [None] * len(intents), apart=True)
        else:
            calls.back_to_prepared(run, call, _said(error))
            raise
        return
    conclude(run, call, intents, outcomes)


def _all_clear(outcomes: Sequence[Outcome]) -> None:
    """Raises the error of a write that may have been done all the same: then the whole call is looked up."""
    for outcome in outcomes:
        if isinstance(outcome, Failed) and outcome.error.may_have_acted:
            raise outcome.error


def settle_lost(run: Run, call: Call, answer: Answer) -> None:
    """Conclude from a look-up what became of a lost call; one of which nothing is there may go again as it was."""
    flow = call.run.flow
    intents = intents_of(call)
    writes = writes_of(flow, intents)
    dialect, facts = connector(flow.target.connector).dialect, facts_of(flow)
    with line.heard(flow.target):
        found = dialect.found(facts, writes, answer, site_of(flow.target))
    if any(found):
        conclude(run, call, intents, found)
        return
    if len(intents) > 1 and call.sends >= calls.APART_AFTER:  # it may be one of them over which the vendor breaks down
        conclude(run, call, intents, [None] * len(intents), apart=True)
        return
    with transaction.atomic():
        refusal, is_alone = calls.worn_out(call), len(intents) == 1 and calls.others_went(call)
    if refusal and is_alone:
        conclude(run, call, intents, [Failed(error=refusal)])
        return
    calls.back_to_prepared(run, call, "a look-up shows that the vendor did nothing of it")
    if call.run.state in Run.ENDED:
        with transaction.atomic():
            calls.withdraw(call.run)
    elif refusal:
        raise refusal


def conclude(
    run: Run, call: Call, intents: Sequence[Intent], outcomes: Sequence[Outcome | None], *, apart: bool = False
) -> None:
    """Write down what became of each intent of a call, in one transaction. None: it never happened, and goes again.

    `apart`: one by one, because one of them may have stopped the others. Raises the vendor's error afterwards where it
    put something off or no longer lets us in.
    """
    with transaction.atomic():
        run.hold()
        calls.move(call, (Call.State.ANSWERED, Call.State.LOST), Call.State.SETTLED)
        batch = _Batch(call.run, call, started_at=call.sent_at or timezone.now(), apart=apart)
        for intent, outcome in zip(intents, outcomes, strict=True):
            batch.take(intent, outcome)
        batch.write()
        run.count(batch.counts)
    if batch.put_off is not None:
        with line.heard(call.run.flow.target):
            raise batch.put_off


@dataclass
class _Batch:
    """The outcomes of one call on their way into our books."""

    run: Run
    call: Call
    started_at: datetime
    now: datetime = field(default_factory=timezone.now)
    done: list[tuple[Intent, Done]] = field(default_factory=list)
    touched: list[Intent] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    put_off: VendorError | None = None
    apart: bool = False  # what never happened goes again one by one

    def take(self, intent: Intent, outcome: Outcome | None) -> None:
        """Sort one outcome in: done, half done, refused, overtaken, or never happened."""
        self.touched.append(intent)
        match outcome:
            case Done():
                self._done(intent, outcome)
            case Failed(error=Stale() as error) if intent.step == 1:
                self._ends(intent, Intent.State.REFUSED, Item.State.WAITING, "stale", _said(error))
            case Failed(error=PeriodClosed() as error) if intent.step == 1:
                self._ends(intent, Intent.State.REFUSED, Item.State.WAITING, closing.REFUSED, _said(error))
            case Failed(error=error) if error.may_have_acted:
                raise error
            case Failed(error=error) if isinstance(error, TryLater | OutOfLimits | ConsentLost):
                self._goes_again(intent, "", _said(error))
                if getattr(error, "retry_after", None) != 0:
                    self.put_off = self.put_off or error
            case Failed(error=error):
                if isinstance(error, Stale):
                    error = _half_done(error)
                self._ends(intent, Intent.State.REFUSED, Item.State.HELD, "refused", _said(error))
                self.issues.append(_refusal(self.run, intent.item, error))
                self.counts["held"] += 1
            case None:
                self._goes_again(intent, Item.ALONE if self.apart else "", "")

    def _done(self, intent: Intent, outcome: Done) -> None:
        dialect, facts = connector(self.run.flow.target.connector).dialect, facts_of(self.run.flow)
        self.done.append((intent, outcome))
        intent.item.target_id = outcome.external_id
        if intent.step < dialect.steps(facts, cast(Operation, intent.operation)):
            intent.step, intent.state = intent.step + 1, Intent.State.READY
            intent.item.reason = ""
            return
        words = "taken back by {} {}".format(*outcome.credit) if outcome.credit else ""
        self._ends(intent, Intent.State.DONE, Item.State.APPLIED, "", words)
        self.counts["applied"] += 1

    def _goes_again(self, intent: Intent, reason: str, words: str) -> None:
        """It never happened: it goes again as it was planned, or at the step that it has come to."""
        if intent.step == 1:
            self._ends(intent, Intent.State.DROPPED, Item.State.PLANNED, reason, words)
            return
        intent.state = Intent.State.READY
        intent.item.reason, intent.item.words = reason, words

    def _ends(self, intent: Intent, state: str, item_state: str, reason: str, words: str) -> None:
        intent.state, intent.settled_at = state, self.now
        item = intent.item
        item.state, item.reason, item.words = item_state, reason, words
        item.ended_at = self.now if item_state == Item.State.APPLIED else None
        self.items.append(item)

    def write(self) -> None:
        """Everything in a handful of statements: what the target holds now, links, agreements, intents, items, audit."""
        before = self._held_before()
        held = self._keep()
        self._link()
        credited.note(self.run.flow, [(each.identity_id, done.credit) for each, done in self.done if done.credit])
        self._link_lines(held)
        self._agree(held)
        self._agree_back(before, held)
        origins.trace(
            self.run.flow, [(each.identity_id, each.item.wanted) for each, _ in self.done if each.item.wanted]
        )
        update_page(self.touched, "state", "step", "settled_at")
        day_issues, days_solved = self._periods(held)
        said = ("state", "reason", "words", "ended_at", "target_id", "period")
        update_page([intent.item for intent in self.touched], *said)
        issues.open_issues([*self.issues, *day_issues])
        applied = [item.record_id for item in self.items if item.state == Item.State.APPLIED]
        issues.solve([*(issues.about("held", self.run.flow_id, record) for record in applied), *days_solved])
        audit.record_many(self._entry(intent) for intent in self.touched if intent.settled_at)

    def _periods(self, held: dict[str, Canonical]) -> tuple[list[Issue], list[str]]:
        """On which day they were booked, and which the vendor refused because their period is closed."""
        flow = self.run.flow
        closing.refused(flow, [(item, item.reason == closing.REFUSED) for item in self.items])
        done = [
            (intent.item, held.get(done.external_id)) for intent, done in self.done if intent.state == Intent.State.DONE
        ]
        return closing.note(flow, done, self.now)

    def _keep(self) -> dict[str, Canonical]:
        """What the target said in its answers is what it holds now: so that its echo is no news."""
        facts, stream = facts_of(self.run.flow), self._stream()
        raws = [outcome.raw for _, outcome in self.done if outcome.raw]
        gone = [
            Gone(external_id=outcome.external_id, how="deleted" if intent.operation == "delete" else "voided")
            for intent, outcome in self.done
            if intent.operation in ("void", "credit", "delete")
        ]
        keep(stream, Page(raws=raws, gone=gone), facts=facts, read_at=self.started_at)
        read = {}
        for raw in raws:
            with suppress(VendorError):  # one that cannot be read has become an issue, and stops nothing
                record = facts.shape.read(raw)
                read[str(record.external_id)] = record
        return read

    def _stream(self) -> Stream:
        return Stream.objects.get(connection=self.run.flow.target_id, object=self.run.flow.target_object)

    def _link(self) -> None:
        links: dict[str, UUID] = {outcome.external_id: intent.identity_id for intent, outcome in self.done}
        flow = self.run.flow
        who.link(links, at=flow.target, object=flow.target_object, how=Link.How.CREATED)

    def _agree(self, held: dict[str, Canonical]) -> None:
        flow = self.run.flow
        mapping = prepare(flow.mapping, context={})
        ended = [each for each in self.done if each[0].state == Intent.State.DONE and each[0].item.wanted]
        standing = self._agreed_before([intent for intent, _ in ended])
        said: dict[str, tuple[Any, Any]] = {}
        for intent, outcome in ended:
            record = codec.decode(flow.mapping.kind_to, intent.item.wanted.encode())
            wanted = dict.fromkeys(mapping.translator.mapped) | comparable(codec.to_plain(record))
            made = held.get(outcome.external_id)
            holds = comparable(codec.to_plain(made)) if made is not None else wanted
            said[intent.item.record.external_id] = wanted, holds
        before = {intent.item.record.external_id: standing.get(intent.identity_id) for intent, _ in ended}
        known = {name: (*said[name], agreed) for name, agreed in before.items() if agreed is not None}
        terms = knowing_lines(flow, terms_of(flow, mapping), known)
        agreements = []
        for intent, _ in ended:
            name = intent.item.record.external_id
            agreed = agree(*said[name], before[name], terms[name])
            agreements.append(
                Agreement(
                    mapping_id=flow.mapping_id,
                    identity_id=intent.identity_id,
                    edition=intent.item.edition,
                    source=store(agreed.source),
                    target=store(agreed.target),
                    agreed_at=self.now,
                )
            )
        write_page(
            agreements,
            unique=("tenant_id", "mapping_id", "identity_id"),
            update=("edition", "source", "target", "agreed_at"),
        )

    def _agreed_before(self, intents: Sequence[Intent]) -> dict[UUID, Agreed]:
        """What was agreed on before about what has been changed now."""
        changed = [intent.identity_id for intent in intents if intent.operation == Item.Operation.UPDATE]
        rows = Agreement.objects.filter(mapping=self.run.flow.mapping_id, identity__in=changed) if changed else ()
        return {row.identity_id: Agreed(restore(row.source), restore(row.target)) for row in rows}

    def _held_before(self) -> dict[str, Canonical]:
        """What the target's records said before they were changed."""
        changed = [done.external_id for intent, done in self.done if intent.operation == Item.Operation.UPDATE]
        rows = Record.objects.filter(
            connection=self.run.flow.target_id, object=self.run.flow.target_object, external_id__in=changed
        )
        return {row.external_id: codec.decode(row.kind, row.canonical.encode()) for row in rows} if changed else {}

    def _agree_back(self, before: dict[str, Canonical], held: dict[str, Canonical]) -> None:
        kind = self.run.flow.mapping.kind_to
        written = [
            both_ways.Written(
                identity=intent.identity_id,
                source=intent.item.record,
                external_id=done.external_id,
                before=before.get(done.external_id),
                now=held[done.external_id],
                renamed=rebuilt(meant_by(intent.item, kind), held[done.external_id]) if intent.item.wanted else {},
            )
            for intent, done in self.done
            # What has changed at the source since is not what was written.
            if done.external_id in held and intent.item.record.feed_no == intent.item.feed_no
        ]
        both_ways.agree_back(self.run.flow, written)

    def _link_lines(self, held: dict[str, Canonical]) -> None:
        kind, pairs = self.run.flow.mapping.kind_to, []
        for intent, outcome in self.done:
            made = held.get(outcome.external_id)
            if made is not None and intent.item.wanted:
                wanted = lines_of(meant_by(intent.item, kind))
                pairs.append(Pair.of(intent.item.record.external_id, wanted, outcome.external_id, lines_of(made)))
        link_lines(self.run.flow, pairs)

    def _entry(self, intent: Intent) -> audit.Entry:
        flow, item = self.run.flow, intent.item
        return audit.Entry(
            verb=f"record.{VERBS[intent.state]}",
            subject=item.record,
            data={
                "operation": intent.operation,
                "flow": str(flow.pk),
                "run": str(self.run.pk),
                "item": str(item.pk),
                "call": str(self.call.pk),
                "key": intent.key,
                "mapping": {"id": str(flow.mapping_id), "edition": item.edition},
                "identity": str(intent.identity_id),
                "source": _end(flow.source_id, flow.source_object, item.record.external_id),
                "target": _end(flow.target_id, flow.target_object, item.target_id),
                "words": item.words,
                **({"period": item.period} if item.period else {}),
            },
        )


VERBS: dict[str, str] = {
    Intent.State.DONE: "applied",
    Intent.State.REFUSED: "refused",
    Intent.State.DROPPED: "not_done",
}


def _half_done(error: Stale) -> Refused:
    """What was changed between two steps cannot be decided anew, since the first of them is done."""
    return Refused(
        error.words,
        code=error.code,
        explanation="It was changed at the target after it was begun there and before it was finished.",
        advice="Look at it there; released, it is finished as it stands.",
    )


def hold_unfit(run: Run, item: Item, error: VendorError) -> None:
    """Hold an item that cannot be said in the vendor's terms: nothing about it was sent."""
    with transaction.atomic():
        run.hold()
        Item.objects.filter(pk=item.pk).update(state=Item.State.HELD, reason="unfit", words=_said(error))
        begun = Intent.objects.filter(item=item, settled_at=None)
        begun.update(state=Intent.State.REFUSED, settled_at=timezone.now())
        issues.open_issues([_refusal(run, item, error)])
        run.count({"held": 1})


def _refusal(run: Run, item: Item, error: VendorError) -> Issue:
    return Issue(
        code="refused",
        about=issues.about("held", run.flow_id, item.record_id),
        flow=run.flow,
        record=item.record,
        connection_id=run.flow.target_id,
        object=run.flow.target_object,
        where=f"{run.flow.name}: {item.record}",
        words=f"{error.code}: {_said(error)}" if error.code else _said(error),
        explanation=error.explanation,
        advice=error.advice,
    )


def _said(error: VendorError) -> str:
    """The vendor's own words, where it had any."""
    return error.words or error.explanation


def _end(connection: UUID, object: str, external_id: str) -> dict[str, Any]:
    return {"connection": str(connection), "object": object, "external_id": external_id}
