"""Who was erased, so that it shows when they come back: by identity, and by digests that tell nothing of them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from integrations.crosswalk.models import Link
from integrations.records import issues
from integrations.records.models import Issue, Record
from integrations.records.terms import term
from integrations.sync.traces import ERASED, PARTIES
from tenants.owned import TenantOwned
from tenants.scope import current_tenant_id

RETURNED = "erased_returned"
PAGE = 500


class ErasedPerson(TenantOwned):
    """That somebody was erased: no word of theirs."""

    identity_id = models.UUIDField()
    # Of the mail addresses and names, keyed by the installation.
    digests = ArrayField(models.CharField(max_length=64))
    erased_at = models.DateTimeField()
    # Up to when it was looked whether they came back.
    looked_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "identity_id"), name="one_erasure"),)
        ordering = ("-erased_at",)

    def __str__(self) -> str:
        return f"erased on {self.erased_at:%Y-%m-%d}"


def digests(words: Iterable[str]) -> list[str]:
    """What is remembered of these words: nobody can tell them from it who does not know the installation's key."""
    key = f"{settings.SECRET_KEY}/erased/{current_tenant_id()}".encode()
    normal = {form for word in words if (form := term(word))}
    return sorted(hmac.new(key, form.encode(), hashlib.sha256).hexdigest() for form in normal)


def look_for_returned() -> int:
    """Open an issue for everybody who was erased and was read again since; gives how many. Inside a transaction."""
    erased = list(ErasedPerson.objects.all())
    if not erased:
        return 0
    whose = {digest: person for person in erased for digest in person.digests}
    since = min(person.looked_at for person in erased)
    read = Record.objects.filter(kind__in=PARTIES, kept_at__gte=since).exclude(raw__contains=ERASED)
    found: dict[str, Issue] = {}
    latest = since
    for record in read.defer("raw", "canonical").order_by("pk").iterator(PAGE):
        latest = max(latest, record.kept_at)
        by = digests(filter(None, (record.by_email, record.by_name, record.by_legal_name)))
        person = next((whose[each] for each in by if each in whose), None) or _linked(record, erased)
        if person is not None and record.kept_at > person.erased_at:
            issue = _issue(record, person)
            found[issue.about] = issue
    issues.open_issues(found.values())
    ErasedPerson.objects.update(looked_at=latest)
    return len(found)


def _linked(record: Record, erased: list[ErasedPerson]) -> ErasedPerson | None:
    own = Link.objects.filter(
        connection=record.connection_id, object=record.object, external_id=record.external_id
    ).values_list("identity_id", flat=True)
    identities = set(own)
    return next((person for person in erased if person.identity_id in identities), None)


def _issue(record: Record, person: ErasedPerson) -> Issue:
    return Issue(
        code=RETURNED,
        about=issues.about(RETURNED, record.pk),
        connection_id=record.connection_id,
        object=record.object,
        record=record,
        where=f"{record.connection}: {record.kind} {record.external_id}",
        words=f"Somebody who was erased on {person.erased_at:%-d %B %Y} was read again.",
        explanation="Their data still stands in this system, and it was read from there anew.",
        advice="Erase it in that system first, then erase the person here once more.",
        alert=True,
    )
