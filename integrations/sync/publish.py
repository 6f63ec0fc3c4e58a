"""Publish: a list that changed becomes a file, which appears under its name at once and whole, or not at all.

    prepared ──write──▶ written ──release──▶ published
        └─ shrank: stopped ──a person approves──┘

The store is the truth: whatever is killed, the file is made of it again. A file of its own number (`new`) is released
once: from `written` on, a temporary name that is gone says that the file got its name.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from integrations.connections import line
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.records.models import Stream
from integrations.sync import left_out, stages
from integrations.sync.brakes import shrank
from integrations.sync.drafts import Draft, draw_up
from integrations.sync.models import Run
from integrations.sync.policy import policy_of
from integrations.sync.publications import Publication
from integrations.wire import rendering
from integrations.wire.errors import ContractBroken, Refused
from integrations.wire.message import Pending, Request, json_of
from integrations.wire.sheets import BadSheet, Sheet, path_of
from plumbing.slices import LEASE, NotNow, after, check_time
from tenants import audit
from tenants.models import Tenant
from tenants.scope import current_tenant_id

IN_OTHER_HANDS = 5  # seconds until a run looks again whether nobody else publishes over this connection

State = Publication.State


def publish_list(run: Run, *, until: datetime) -> None:
    """Publish the list that this run's flow writes, where it changed. Raises NotNow, LeaseLost and VendorError."""
    target = run.flow.target
    kind = connector(target.connector)
    sheet = kind.dialect.sheet(kind.stream(run.flow.target_object), site_of(target))
    if sheet is None:
        return
    check_time(until)
    stages.enter(run, "publishing")
    with transaction.atomic():
        claimed = target.claim(seconds=LEASE)
    if not claimed:  # one writer a folder
        raise after(IN_OTHER_HANDS, f"another worker is publishing over {target}")
    try:
        _Publishing(run, sheet).go()
    finally:
        with transaction.atomic():
            target.release()


class _Publishing:
    """One list on its way to being a file."""

    def __init__(self, run: Run, sheet: Sheet) -> None:
        self.run, self.sheet, self.target = run, sheet, run.flow.target
        self.facts = connector(self.target.connector).stream(run.flow.target_object)
        self.sheet_digest = hashlib.sha256(msgspec.json.encode(sheet)).hexdigest()

    @property
    def folder(self) -> str:
        return str(self.target.settings.get("folder") or ".")

    def go(self) -> None:
        """Bring what was begun to its end, and publish what is news since."""
        with transaction.atomic():
            begun = self._rows().exclude(state=State.PUBLISHED).first()
        if begun is not None and begun.state == State.WRITTEN:
            self._release(begun)
            begun = None
        with transaction.atomic():
            last = self._rows().filter(state=State.PUBLISHED).order_by("-number").first()
            feed_no = Stream.objects.values_list("feed_no", flat=True).get(
                connection=self.target.pk, object=self.facts.name
            )
        if not self._is_news(last, feed_no):
            return
        draft = self._draw_up(begun, last, feed_no)
        try:
            self._publish(draft, begun, last, feed_no)
        finally:
            draft.remove()

    def _rows(self) -> Any:
        return Publication.objects.filter(connection=self.target.pk, object=self.facts.name)

    def _is_news(self, last: Publication | None, feed_no: int) -> bool:
        """Whether the file has to be made, if only to see that it is the same."""
        if last is None or self.run.full or last.left_out or last.sheet != self.sheet_digest:
            return True
        # What is referred to may have changed without the list itself.
        return last.feed_no != feed_no or (self.sheet.mode == "whole" and bool(rendering.references(self.sheet)))

    def _draw_up(self, begun: Publication | None, last: Publication | None, feed_no: int) -> Draft:
        is_new = self.sheet.mode == "new"
        try:
            return draw_up(
                self.target,
                self.facts,
                self.sheet,
                after_no=last.feed_no if last else 0,
                up_to=feed_no if is_new else None,
                also=last.left_out if last and is_new else (),
                number=_number(begun, last),
                today=_today(),
                told=self._keep_going,
            )
        except rendering.LeftOut as why:
            raise Refused(
                explanation=f"The file's own rows cannot be written: {why}.", advice="Correct the layout."
            ) from why

    def _keep_going(self) -> None:
        with transaction.atomic():
            self.run.renew(seconds=LEASE)
            self.target.renew(seconds=LEASE)

    def _publish(self, draft: Draft, begun: Publication | None, last: Publication | None, feed_no: int) -> None:
        path = self._path(_number(begun, last))
        if self._is_the_same(draft, last, path):
            self._note(last, draft, feed_no)
            return
        row = begun or Publication(connection=self.target, object=self.facts.name, number=_number(None, last))
        was_stopped = row.state == State.STOPPED and row.run_id == self.run.pk and bool(self.run.approved_by)
        may_shrink = was_stopped and draft.rows >= row.rows
        row.run, row.path, row.sheet, row.feed_no = self.run, path, self.sheet_digest, feed_no
        row.rows, row.size, row.digest = draft.rows, draft.size, draft.digest
        row.left_out, row.cut, row.began_at = sorted(draft.left_out), dict(draft.cut), timezone.now()
        if self.sheet.mode == "whole" and not may_shrink:
            before = last.rows if last else None
            if words := shrank(draft.rows, before, brakes=policy_of(self.run.flow.policy).brakes):
                self._stop(row, words + _why(draft))
        self._write(row, draft)
        self._release(row, draft)

    def _is_the_same(self, draft: Draft, last: Publication | None, path: str) -> bool:
        if self.sheet.mode == "new":
            return not draft.rows
        if last is None or (last.digest, last.path) != (draft.digest, path):
            return False
        # Asked to look at everything: at what stands there, too.
        return not self.run.full or self._ask("DIGEST", {"file": path})["digest"] == draft.digest

    def _note(self, last: Publication | None, draft: Draft, feed_no: int) -> None:
        """Nothing to publish: how far the list's feed is in what stands there already, and who is left out."""
        with transaction.atomic():
            self.run.hold()
            if last is not None:
                last.feed_no, last.sheet, last.left_out = feed_no, self.sheet_digest, sorted(draft.left_out)
                last.save(update_fields=("feed_no", "sheet", "left_out"))
            left_out.note(self.run, draft)

    def _stop(self, row: Publication, words: str) -> None:
        row.state = State.STOPPED
        with transaction.atomic():
            row.save()
            stages.stop(self.run, words, f"The file {row.path} was not replaced; what is published stands as it was.")
        raise NotNow(timezone.now(), words)

    def _write(self, row: Publication, draft: Draft) -> None:
        row.state = State.PREPARED
        with transaction.atomic():
            self.run.hold()
            row.save()
        told = self._ask("UPLOAD", {"draft": draft.name, **_wanted(row)})
        if (told["size"], told["digest"]) != (row.size, row.digest):
            raise ContractBroken(explanation=f"What was read back of {row.path} is not what was written.")
        row.state = State.WRITTEN
        with transaction.atomic():
            self.run.hold()
            row.save(update_fields=("state",))

    def _release(self, row: Publication, draft: Draft | None = None) -> None:
        """Give the written file its name. After a crash: as it was begun, whatever became of the answer."""
        told = self._ask("RELEASE", _wanted(row))
        is_there = True
        if self.sheet.mode == "whole" and told["released"] == "before":
            is_there = self._ask("DIGEST", {"file": row.path})["digest"] == row.digest
        with transaction.atomic():
            self.run.hold()
            if not is_there:  # neither the temporary file nor the one it was to become: it is made again
                row.state = State.PREPARED
                row.save(update_fields=("state",))
                raise after(0, f"the file {row.path} has to be written again")
            row.state, row.published_at = State.PUBLISHED, timezone.now()
            row.checked_at = None
            row.save(update_fields=("state", "published_at", "checked_at"))
            self.run.count({"published_rows": row.rows})
            if draft is not None:
                left_out.note(self.run, draft)
            audit.record("file.published", subject=self.target, data=_told(row))

    def _ask(self, verb: str, params: dict[str, str]) -> dict[str, Any]:
        self._keep_going()
        request = Request(method=verb, path=self.folder, params=params)
        answer = line.send(self.target, request, before=self.run.leased_until)
        if isinstance(answer, Pending):
            raise after(answer.after, f"{self.target} has not answered yet")
        told: dict[str, Any] = json_of(answer)
        return told

    def _path(self, number: int) -> str:
        words = self.target.settings.get("words") or {}
        try:
            return path_of(self.sheet, words, number=number, today=_today())
        except BadSheet as bad:
            raise Refused(explanation=str(bad), advice="Correct the connection's settings.") from bad


def _why(draft: Draft) -> str:
    """Who cannot stand in the file, where that is why it is short."""
    if not draft.left_out:
        return ""
    return f" {len(draft.left_out)} records cannot stand in it; one because {next(iter(draft.left_out.values()))}."


def _number(begun: Publication | None, last: Publication | None) -> int:
    """The number of the publication at hand."""
    if begun is not None:
        return begun.number
    return last.number + 1 if last else 1


def _wanted(row: Publication) -> dict[str, str]:
    return {"to": row.path, "size": str(row.size), "digest": row.digest}


def _told(row: Publication) -> dict[str, Any]:
    return {
        "path": row.path,
        "rows": row.rows,
        "size": row.size,
        "digest": row.digest,
        "list": row.object,
        "run": str(row.run_id),
        "left_out": len(row.left_out),
        "cut": row.cut,
    }


def _today() -> date:
    """The calendar day where the tenant is."""
    with transaction.atomic():
        tenant = Tenant.objects.get(pk=current_tenant_id())
    return timezone.now().astimezone(tenant.zone).date()
