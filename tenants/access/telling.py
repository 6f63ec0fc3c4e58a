"""Telling people: a mail to those members of the tenant in scope whose business it is."""

from __future__ import annotations

from django.core.mail import EmailMessage, get_connection
from django.db import transaction

from tenants.access.models import Membership, User
from tenants.access.permissions import PERMISSIONS


def people_who_may(verb: str) -> list[User]:
    """The active members of the tenant in scope whose role allows the verb, by their mail addresses."""
    roles = [role for role, verbs in PERMISSIONS.items() if verb in verbs]
    with transaction.atomic():
        found = Membership.objects.filter(role__in=roles, user__is_active=True).exclude(user__email="")
        return [each.user for each in found.select_related("user").order_by("user__email")]


def mail(verb: str, *, subject: str, text: str) -> int:
    """Send each person who may do this a mail of their own; gives how many there are. Outside transactions.

    Raises OSError (SMTP's errors are such) where the mail server does not take it: then tell again later.
    """
    people = people_who_may(verb)
    line = " ".join(subject.split())  # a header is one line
    get_connection().send_messages([EmailMessage(line, text, to=[person.email]) for person in people])
    return len(people)
