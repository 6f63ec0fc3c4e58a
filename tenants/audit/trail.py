"""Appending to the trail."""

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models.functions import Now

from tenants.audit import Entry, Reference
from tenants.audit.facts import split
from tenants.audit.models import Event, Payload
from tenants.audit.proof import commitment


def append(entries: Iterable[Entry]) -> list[UUID]:
    """Writes the entries as events of the tenant in scope, all at one moment; see `audit.record_many`."""
    events, payloads = [], []
    for entry in entries:
        actor, subject = Reference.to(entry.actor), Reference.to(entry.subject)
        links = [Reference.to(thing) for thing in entry.links]
        data, texts = split(plain(entry.data))
        event = Event(
            at=Now(),  # by the database's clock, the same for every host
            verb=entry.verb,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name,
            subject_kind=subject.kind,
            subject_id=subject.id,
            subject_name="" if subject.is_personal else subject.name,
            data=data,
            links=[_plain_link(link) for link in links],
        )
        aside = {
            "subject_name": subject.name if subject.is_personal else "",
            "data": texts,
            "link_names": [link.name for link in links] if any(link.is_personal for link in links) else [],
        }
        payload = {**plain(entry.payload or {}), **{name: value for name, value in aside.items() if value}}
        if payload:
            salt = secrets.token_bytes(32)
            event.payload_hash = commitment(salt, payload)
            payloads.append(Payload(event_id=event.id, salt=salt, payload=payload))
        events.append(event)
    Event.objects.bulk_create(events)
    Payload.objects.bulk_create(payloads)
    return [event.id for event in events]


def _plain_link(link: Reference) -> dict[str, str]:
    return {"kind": link.kind, "id": link.id, "name": "" if link.is_personal else link.name}


def plain(values: Mapping[str, Any]) -> Any:
    """The values as JSON will give them back: decimals, dates and ids as text."""
    return json.loads(json.dumps(values, cls=DjangoJSONEncoder))
