"""Callers: who comes for the work of a connection whose vendor polls us, how they are let in, and to which books."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import get_random_string

from integrations.connections.models import Caller, Connection
from integrations.connectors.registry import connector
from integrations.wire.connector import EVERY_MINUTES, Connector
from integrations.wire.polled import Invitation, Place, Reception
from plumbing.roles import dispatch
from tenants import audit
from tenants.scope import tenant_scope

UNMISTAKABLE = "abcdefghjkmnpqrstuvwxyz23456789"  # people read these out to each other
USER_LENGTH, PASSWORD_LENGTH = 10, 28


def is_polled(connection: Connection) -> bool:
    """Whether the vendor comes to us for this connection's work."""
    return connector(connection.connector).driver == "polled"


def reception_of(kind: Connector) -> Reception:
    """How the vendor's side speaks to us. Raises LookupError where it does not."""
    if kind.reception is None:
        raise LookupError(f"{kind.name} does not come to us for its work.")
    return kind.reception


def caller_of(connection: Connection) -> Caller:
    """Who comes for this connection's work; named when it is asked for the first time. Inside a transaction."""
    caller, _ = Caller.objects.get_or_create(
        connection=connection,
        defaults={
            "user": f"tieout-{get_random_string(USER_LENGTH, UNMISTAKABLE)}",
            "place_id": str(uuid4()),
        },
    )
    return caller


@transaction.atomic
def new_password(connection: Connection, *, by: Any) -> str:
    """A new password, to be shown once: only its hash is kept, and the former one opens nothing any more."""
    caller, password = caller_of(connection), get_random_string(PASSWORD_LENGTH, UNMISTAKABLE)
    caller.password, caller.password_at = make_password(password), timezone.now()
    caller.save(update_fields=("password", "password_at"))
    audit.record("connection.password_renewed", subject=connection, actor=by, data={"user": caller.user})
    return password


def recognise(kind: Connector, *, user: str, password: str) -> tuple[UUID, UUID] | None:
    """The tenant and the connection for whose work this caller may come; None where name or password are wrong."""
    tenant = _tenant_of(user)
    if tenant is not None:
        with tenant_scope(tenant):
            with transaction.atomic():
                caller = Caller.objects.select_related("connection").get(user=user)
            if caller.connection.connector == kind.slug and caller.password:
                if check_password(password, caller.password):  # outside of a transaction: it is slow on purpose
                    return tenant, caller.connection_id
                with transaction.atomic():
                    audit.record("connection.caller_refused", subject=caller.connection, data={"user": user})
                return None
    make_password(password)  # takes as long as a wrong password does, so that nobody learns which names there are
    return None


def _tenant_of(user: str) -> UUID | None:
    if not user.isprintable():  # no name of ours; the database would not even be asked for it
        return None
    with dispatch():
        return next(iter(Caller.everywhere.filter(user=user).values_list("tenant_id", flat=True)[:1]), None)


def invitation(connection: Connection, *, address: str, support: str) -> Invitation:
    """The file that makes the vendor's side come to `address`. Inside a transaction."""
    caller, kind = caller_of(connection), connector(connection.connector)
    return reception_of(kind).invitation(
        name=connection.name,
        address=address,
        support=support,
        user=caller.user,
        place_id=caller.place_id,
        every_minutes=every_minutes(connection),
    )


def every_minutes(connection: Connection) -> int:
    """How often the vendor's side is to come."""
    return max(1, round(float(connection.settings.get(EVERY_MINUTES.name) or EVERY_MINUTES.default)))


def has_expected(caller: Caller, place: Place) -> bool:
    """Whether these are the caller's books. The first that come with our mark, or with none, are: they are kept in mind."""
    known = caller.place.get("name")
    if (place.id or caller.place_id) != caller.place_id or known not in (None, place.name):
        return False
    if known is None:
        caller.place = {"name": place.name}
        caller.save(update_fields=("place",))
    return True


@transaction.atomic
def accept_books(connection: Connection, place: dict[str, Any], *, by: Any) -> None:
    """Take the books that a visit came from for the right ones from now on: a person says that they are."""
    caller = caller_of(connection)
    caller.place, caller.place_id = {"name": place["name"]}, place.get("id") or caller.place_id
    caller.save(update_fields=("place", "place_id"))
    audit.record("connection.books_accepted", subject=connection, actor=by, data={"name": place["name"]})
