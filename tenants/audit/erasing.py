"""Erasing what is personal in the trail: payloads go, the events and what proves them stay."""

from collections.abc import Collection
from typing import Any

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from tenants import audit
from tenants.audit.models import Event, Payload
from tenants.audit.proof import ERASED

PAGE = 1000  # events that one event tells of


def erase(*, subject: audit.Reference, subjects: Collection[str], named: str, by: Any) -> int:
    """Erase the payloads of the events about these subjects, and all that `named` (a regular expression) finds.

    What was erased is told by events about `subject`; gives how many payloads it was. Inside a transaction.
    """
    about = Event.objects.filter(subject_id__in=list(subjects)).exclude(payload_hash="").values("pk")
    payloads = Payload.objects.annotate(told=Cast("payload", TextField()))
    found = payloads.filter(Q(event_id__in=about) | Q(told__iregex=named))
    events = list(found.order_by("event_id").values_list("event_id", flat=True))
    for start in range(0, len(events), PAGE):
        page = events[start : start + PAGE]
        Payload.objects.filter(event_id__in=page).delete()
        audit.record(ERASED, subject=subject, actor=by, data={"events": [str(each) for each in page]})
    return len(events)
