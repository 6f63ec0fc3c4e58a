"""Who is who, by a person's word: where a match could not be told, a person links or says that it is nobody there."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from integrations.crosswalk import who
from integrations.crosswalk.models import Apart, Link
from integrations.records.models import Record
from integrations.sync.models import Item
from tenants import audit


@transaction.atomic
def link_by_hand(item: Item, target_id: str, *, by: Any) -> None:
    """Say that a held record is this one at the target; the next run decides it anew.

    Raises ValidationError where the target has no such record, or either of them is linked already.
    """
    flow = item.flow
    there = Record.objects.filter(connection=flow.target, object=flow.target_object, external_id=target_id)
    if not there.exists():
        raise ValidationError(f"{flow.target} has no {flow.target_object} {target_id}, or it was not read yet.")
    if who.identities([target_id], at=flow.target, object=flow.target_object):
        raise ValidationError(f"{flow.target_object} {target_id} is linked to another record already.")
    if who.names([item.identity_id], at=flow.target, object=flow.target_object):
        raise ValidationError(f"{item.record} is linked to another record there already.")
    who.link({target_id: item.identity_id}, at=flow.target, object=flow.target_object, how=Link.How.BY_HAND)
    _decide_again(item)
    audit.record("record.linked", subject=item.record, actor=by, data=_ends(item) | {"external_id": target_id})


@transaction.atomic
def keep_apart(item: Item, *, by: Any) -> None:
    """Say that nobody at the target is this record, whoever looks like it; the next run makes it there."""
    flow = item.flow
    Apart.objects.get_or_create(
        identity_id=item.identity_id,
        connection=flow.target,
        object=flow.target_object,
        defaults={"said_at": timezone.now()},
    )
    _decide_again(item)
    audit.record("record.kept_apart", subject=item.record, actor=by, data=_ends(item) | {"candidates": item.candidates})


def _decide_again(item: Item) -> None:
    held = Item.objects.filter(pk=item.pk, state=Item.State.HELD)
    if not held.update(state=Item.State.WAITING, reason="told", words="a person said who this is; it is decided again"):
        raise ValidationError("This was decided in the meantime.")


def _ends(item: Item) -> dict[str, Any]:
    flow = item.flow
    return {
        "flow": str(flow.pk),
        "identity": str(item.identity_id),
        "target": str(flow.target_id),
        "object": flow.target_object,
    }
