"""Left out: records that cannot stand in a published file as they are. The file is published without them, and they are held."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from integrations.crosswalk import who
from integrations.records import issues
from integrations.records.models import Issue
from integrations.sync.drafts import Draft
from integrations.sync.models import Item, Run
from plumbing.pages import update_page

REASON = "left_out"


def note(run: Run, draft: Draft) -> None:
    """Hold what was left out of this draft, and let go of what was left out before and stands in it. In a transaction."""
    _let_go(run, draft)
    found = _items(run, draft.left_out)
    held = []
    for external_id, item in found.items():
        if item.state in (Item.State.APPLIED, Item.State.SKIPPED):
            item.state, item.reason, item.words, item.ended_at = (
                Item.State.HELD,
                REASON,
                draft.left_out[external_id],
                None,
            )
            held.append(item)
    update_page(held, "state", "reason", "words", "ended_at")
    issues.open_issues(_issue(item) for item in found.values() if item.reason == REASON)
    if held:
        run.count({"held": len(held)})


def _let_go(run: Run, draft: Draft) -> None:
    """What was held because it could not stand in the file, and now does, is applied."""
    standing = Item.objects.filter(
        flow__target=run.flow.target_id,
        flow__target_object=run.flow.target_object,
        state=Item.State.HELD,
        reason=REASON,
    ).select_related("flow")
    still = {item.pk for item in _items(run, draft.left_out).values()}
    free = [item for item in standing if item.pk not in still]
    for item in free:
        item.state, item.reason, item.words, item.ended_at = Item.State.APPLIED, "", "", item.decided_at
    update_page(free, "state", "reason", "words", "ended_at")
    issues.solve([issues.about("held", item.flow_id, item.record_id) for item in free])


def _items(run: Run, left_out: Mapping[str, str] | Collection[str]) -> dict[str, Item]:
    """What was decided last about the records with these ids in the list: id there → item."""
    if not left_out:
        return {}
    whose = who.identities(list(left_out), at=run.flow.target, object=run.flow.target_object)
    decided = (
        Item.objects.filter(
            identity__in=set(whose.values()),
            flow__target=run.flow.target_id,
            flow__target_object=run.flow.target_object,
        )
        .exclude(state=Item.State.PREVIEWED)
        .select_related("flow", "record")
        .order_by("identity", "-pk")
        .distinct("identity")
    )
    last = {item.identity_id: item for item in decided}
    return {external_id: last[identity] for external_id, identity in whose.items() if identity in last}


def _issue(item: Item) -> Issue:
    return Issue(
        code=REASON,
        about=issues.about("held", item.flow_id, item.record_id),
        flow=item.flow,
        record=item.record,
        connection_id=item.flow.target_id,
        object=item.flow.target_object,
        where=f"{item.flow.name}: {item.record}",
        words=item.words,
        explanation="This record is not in the published file; all others are.",
        advice=f"Complete it at its source, or change the layout of the file: see {item.flow.target_object} "
        "in the connection's outgoing files.",
    )
