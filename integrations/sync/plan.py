"""Plan: a page of source records becomes items, each saying what is to be done, and why.

One transaction a page: the items, what they supersede and how far the flow has come are committed together.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from integrations.canonical import codec
from integrations.mapping.expression import CannotEvaluate
from integrations.mapping.models import Agreement
from integrations.mapping.prepared import Prepared, prepare
from integrations.records import issues
from integrations.records.models import Issue, Record
from integrations.sync import calls, closing, credited, match, references, replay, sent_back
from integrations.sync.decide import (
    Agreed,
    Change,
    Create,
    Credit,
    Fields,
    Hold,
    Match,
    Skip,
    Update,
    Void,
    agree,
    decide,
)
from integrations.sync.envelope import facts_of
from integrations.sync.fields import comparable, restore, store
from integrations.sync.gone import decide_gone
from integrations.sync.lines import Pair, knowing_lines, link_lines
from integrations.sync.models import Flow, Item, Run
from integrations.sync.recognised import link_recognised
from integrations.sync.terms import policy_by, terms_of
from plumbing.pages import update_page, write_page
from tenants.models import Tenant
from tenants.scope import current_tenant_id

log = logging.getLogger(__name__)
Operation, State = Item.Operation, Item.State
SAYS = ("state", "reason", "words", "feed_no")  # what an open item says of its record


def propose(run: Run, records: Sequence[Record], *, position: int | None = None, edition: int | None = None) -> None:
    """Match, map and decide these source records, and write down what is to be done about each.

    `position` is how far into the change feed that brings the flow; `edition` is that of the mapping, today's where none
    is named. Raises LeaseLost.
    """
    with transaction.atomic():
        run.hold()
        page = _Page(run, _not_under_way(run, records), edition)
        page.translate()
        page.match()
        page.decide()
        page.write()
        _no_longer_again(run, records)
        if position is not None:
            _advance(run, position)
        run.count(page.counts)


def _not_under_way(run: Run, records: Sequence[Record]) -> list[Record]:
    """Without those that are just being applied: these are decided anew when that is settled."""
    under_way = Item.objects.filter(
        flow=run.flow_id, record__in=[record.pk for record in records], state=State.APPLYING
    ).select_for_update()
    busy = set(under_way.values_list("record_id", flat=True))
    if busy and not run.preview:
        Item.objects.filter(flow=run.flow_id, record__in=busy, state=State.APPLYING).update(again=True)
    return [record for record in records if record.pk not in busy]


def _no_longer_again(run: Run, records: Sequence[Record]) -> None:
    """What changed while it was being applied has now been decided anew."""
    if not run.preview:
        settled = Item.objects.filter(flow=run.flow_id, again=True).exclude(state=State.APPLYING)
        settled.filter(record__in=[record.pk for record in records]).update(again=False)


def _advance(run: Run, position: int) -> None:
    run.position = position
    Run.objects.filter(pk=run.pk).update(position=position)
    if not run.preview and not run.replay:
        Flow.objects.filter(pk=run.flow_id).update(position=position)


def context_of(flow: Flow) -> dict[str, Any]:
    """What expressions may ask about besides the record."""
    tenant = Tenant.objects.get(pk=current_tenant_id())
    return {
        "tenant": tenant.name,
        "home_currency": tenant.home_currency,
        "source": flow.source.name,
        "target": flow.target.name,
    }


class _Page:
    """One page of source records on its way to becoming items."""

    def __init__(self, run: Run, records: Sequence[Record], edition: int | None = None) -> None:
        self.run, self.flow, self.records = run, run.flow, records
        self.mapping: Prepared = prepare(self.flow.mapping, context=context_of(self.flow), edition=edition)
        self.policy = policy_by(self.flow, self.mapping)
        self.told = sent_back.states_told(self.policy)
        self.wanted: dict[str, Fields] = {}
        self.encoded: dict[str, str] = {}
        self.held_back: dict[str, Hold | Skip] = {}
        self.waiting: dict[str, str] = {}
        self.items: list[Item] = []
        self.issues: list[Issue] = []
        self.agreements: dict[UUID, Agreed] = {}
        self.same_lines: list[Pair] = []
        self.periods = closing.Periods(self.flow)
        self.counts: Counter[str] = Counter()

    def translate(self) -> None:
        """Map the live records into the target's words; what cannot be mapped is held or waits, and is named."""
        plain = {
            record.external_id: codec.to_plain(codec.decode(record.kind, record.canonical.encode()))
            for record in self.records
            if record.state in self.told
        }
        elsewhere = sent_back.not_from_there(self.flow, list(plain), self.policy)
        for name, fields in list(plain.items()):
            if kept_back := Skip("not_wanted") if name in elsewhere else self._kept_back(fields):
                self.held_back[name] = kept_back
                del plain[name]
        refer = references.resolver(self.flow, self.mapping.needed(plain.values()))
        for name, fields in plain.items():
            try:
                self._translate_one(name, fields, refer)
            except Exception:  # a fault of ours over one record: it is held, and the page goes on
                log.exception("record %s of flow %s could not be mapped", name, self.flow.pk)
                self.held_back[name] = Hold("our_fault", "This product met a fault of its own over this record.")

    def _kept_back(self, fields: dict[str, Any]) -> Hold | Skip | None:
        """Why the flow's condition does not let a record through, if it does not."""
        try:
            return None if self.mapping.takes(fields, condition=self.flow.condition) else Skip("not_wanted")
        except CannotEvaluate as error:
            return Hold("condition_undecided", f"the flow's condition cannot be decided for this record: {error}")

    def _translate_one(self, name: str, fields: dict[str, Any], refer: references.Refer) -> None:
        result = self.mapping.translate(fields, refer)
        if result.problems:
            self.held_back[name] = Hold("cannot_be_mapped", "; ".join(str(problem) for problem in result.problems))
            return
        if result.missing:
            self.waiting[name] = references.waits_for(self.flow, result.missing)
            return
        try:
            record = codec.from_plain(self.flow.mapping.kind_to, result.values)
        except codec.BadRecord as error:
            self.held_back[name] = Hold("mapping_incomplete", str(error))
            return
        self.encoded[name] = codec.encode(record).decode()
        empty: dict[str, Any] = dict.fromkeys(result.fields)
        self.wanted[name] = empty | comparable(codec.to_plain(record))

    def match(self) -> None:
        """Find out who the records are at the target, and what was last agreed about them."""
        self.matches = match.find(self.flow, self.records, self.wanted)
        rows = Agreement.objects.filter(
            mapping=self.flow.mapping_id, identity__in=set(self.matches.identities.values())
        )
        self.agreed = {row.identity_id: Agreed(restore(row.source), restore(row.target)) for row in rows}
        agreed = {name: self.agreed.get(self.matches.identities[name]) for name in self.wanted}
        self.terms = knowing_lines(
            self.flow,
            terms_of(self.flow, self.mapping),
            {
                name: (self.wanted[name], self.matches.matches[name].holds, each)
                for name, each in agreed.items()
                if each
            },
        )
        gone = {self.matches.identities[each.external_id] for each in self.records if each.state not in Record.READABLE}
        if self.policy.gone_by == "credit":  # what was credited looks at the target as before
            gone |= set(self.matches.identities.values())
        self.taken_back = credited.taken_back(self.flow, gone) if gone else set()
        self.half_done = calls.half_done(self.flow, set(self.matches.identities.values()))
        self.periods = closing.of_page(self.flow, self.matches.identities.values())
        self.periods.carry_over(self.matches.identities, self.matches.matches, self)

    def decide(self) -> None:
        """Decide each record, purely from values."""
        for record in self.records:
            found = self.matches.matches[record.external_id]
            self._plan_one(record, found, self._in_open_period(record, found))

    def _in_open_period(self, record: Record, found: Match) -> Change | None:
        """The change, on another day or held where its period is closed."""
        change = self._change(record, found)
        again = partial(self._change, record, found)
        return self.periods.judged(self, record.external_id, found, change, again)

    def _change(self, record: Record, found: Match) -> Change | None:
        name = record.external_id
        begun = self.half_done.get(self.matches.identities[name])
        if begun is not None and found.target_id is not None and not found.gone:
            return Hold("half_done", f"it was begun there as {found.target_id} and refused at step {begun.step}")
        if self.matches.identities[name] in self.taken_back:
            found = replace(found, gone=found.gone or Record.State.VOIDED)
        if record.state not in self.told:
            can = facts_of(self.flow).writes
            return decide_gone(record.state, found, self.policy, can=can, into=record.merged_into)
        if name in self.held_back:
            return self.held_back[name]
        if name in self.waiting:
            return None
        agreed = self.agreed.get(self.matches.identities[name])
        if self.run.replay:
            agreed = replay.anew(agreed, self.wanted[name])
        return decide(self.wanted[name], found, agreed, self.policy, self.terms[name])

    def _plan_one(self, record: Record, found: Match, change: Change | None) -> None:
        name = record.external_id
        item = Item(
            flow=self.flow,
            run=self.run,
            record=record,
            identity_id=self.matches.identities[name],
            operation=Operation.NONE,
            state=State.PLANNED,
            feed_no=record.feed_no,
            edition=self.mapping.edition,
            wanted=self.encoded.get(name, ""),
            target_id=found.target_id or "",
            target_seen=found.seen,
            period=self.periods.told.get(name, {}),
            words=self.periods.words.get(name, ""),
            decided_at=timezone.now(),
        )
        match change:
            case None:
                item.state, item.reason, item.words = State.WAITING, "waits_for", self.waiting[name]
            case Create():
                item.operation, item.fields = Operation.CREATE, sorted(self.wanted[name])
            case Update(differences):
                item.operation = Operation.UPDATE
                item.fields = [difference.field for difference in differences]
                item.differences = [asdict(difference) for difference in differences]
            case Void():
                item.operation = Operation.VOID
            case Credit():
                item.operation = Operation.CREDIT
            case Skip(reason, differences):
                item.state, item.reason = State.SKIPPED, reason
                item.differences = [asdict(difference) for difference in differences]
                item.ended_at = item.decided_at
                if reason in AGREED and found.holds is not None:
                    self._agree(item, found.holds)
            case Hold(reason, words, candidates):
                item.state, item.reason, item.words = State.HELD, reason, words
                item.candidates = list(candidates)
                if reason != "source_unreadable":  # what cannot be read has an issue of its own that says why
                    self.issues.append(self._issue(record, reason, words))
        self.items.append(item)

    def _agree(self, item: Item, holds: Fields) -> None:
        """Both say the same, or are left to differ; lines that were met for the first time are known from here on."""
        name, before = item.record.external_id, self.agreed.get(item.identity_id)
        self.agreements[item.identity_id] = agree(self.wanted[name], holds, before, self.terms[name])
        if before is None and item.reason == "same_already":
            ours, theirs = self.wanted[name].get("lines"), holds.get("lines")
            if isinstance(ours, list) and isinstance(theirs, list):
                self.same_lines.append(Pair.of(name, ours, item.target_id, theirs))

    def _issue(self, record: Record, reason: str, words: str) -> Issue:
        return Issue(
            code=reason,
            about=issues.about("held", self.flow.pk, record.pk),
            flow=self.flow,
            record=record,
            connection_id=self.flow.source_id,
            object=record.object,
            where=f"{self.flow.name}: {record}",
            words=words,
            explanation="This record is held: nothing about it was sent.",
            advice=ADVICE.get(reason, "Correct the record or the mapping; it is decided again by itself."),
        )

    def write(self) -> None:
        """The page's items, links, agreements and issues, in a handful of statements."""
        if self.run.preview:
            self._write_preview()
            return
        now = timezone.now()
        self._supersede(now)
        link_recognised(self.flow, self.records, self.matches)
        link_lines(self.flow, self.same_lines)
        write_page(
            [
                Agreement(
                    mapping=self.flow.mapping,
                    identity_id=identity,
                    edition=self.mapping.edition,
                    source=store(agreed.source),
                    target=store(agreed.target),
                    agreed_at=now,
                )
                for identity, agreed in self.agreements.items()
            ],
            unique=("tenant_id", "mapping_id", "identity_id"),
            update=("edition", "source", "target", "agreed_at"),
        )
        issues.open_issues(self.issues)
        fine = [item.record_id for item in self.items if item.state not in (State.HELD, State.WAITING)]
        issues.solve([issues.about("held", self.flow.pk, record) for record in fine])
        for item in self.items:
            self.counts[item.operation if item.state == State.PLANNED else item.state] += 1

    def _supersede(self, now: datetime) -> None:
        """Put the new items in the place of those that were open; one that would say the same again goes on instead."""
        records = [item.record_id for item in self.items]
        open_before = Item.objects.filter(flow=self.flow, record__in=records, state__in=Item.OPEN)
        standing = {row.pop("record_id"): row for row in open_before.values("pk", "record_id", *SAYS)}
        going_on, fresh = [], []
        for item in self.items:
            old = standing.get(item.record_id, {})
            if item.state in (State.HELD, State.WAITING) and all(old.get(name) == getattr(item, name) for name in SAYS):
                item.pk = old["pk"]
                going_on.append(item)
            else:
                fresh.append(item)
        open_before.exclude(pk__in=[item.pk for item in going_on]).update(state=State.SUPERSEDED, ended_at=now)
        update_page(going_on, "run", "edition", "wanted", "target_id", "decided_at")
        write_page(fresh)

    def _write_preview(self) -> None:
        """What would be done, to be looked at: nothing else moves."""
        for item in self.items:
            self.counts[item.operation if item.state == State.PLANNED else item.state] += 1
            if item.state == State.PLANNED:
                item.state = State.PREVIEWED
            elif item.state in Item.OPEN:
                item.words = f"{item.get_state_display()}: {item.words}"
                item.state = State.PREVIEWED
        write_page(self.items)


# Both say the same, or were left to differ: what changes from here on is news again.
AGREED = ("same_already", "target_wins")

ADVICE: Mapping[str, str] = {
    "half_done": "Correct what was refused and try it again: it is finished as it was begun, then decided anew.",
    "several_candidates": "Open the item, compare the candidates and say which one it is, or that it is none of them.",
    "cannot_be_mapped": "Add the missing value to the value table, or correct the mapping; it is decided again by itself.",
    "mapping_incomplete": "Add a rule or a default for the field that is named; it is decided again by itself.",
    "condition_undecided": "Complete the record, or make the condition say what holds where the field is empty.",
    "target_gone": "Restore the target's record, or unlink it so that it is created anew.",
    closing.HELD: "Have the period opened there, or give the record another day at its source; or let the rule for closed "
    "periods book it on the next open day, which a person approves here where the rule says so.",
    "our_fault": "Tell your operator: the log has the details. Then press Try again.",
    "both_changed": "Compare both sides and choose which one is right, or set the mapping's conflict policy.",
    "source_gone": "Take the target's document back there, or let the flow's policy say what becomes of it.",
    "source_merged": "Move what belongs to it at the target to the survivor there, or let the policy leave it.",
}
