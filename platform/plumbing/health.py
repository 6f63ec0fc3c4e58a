"""Is this process alive, and is everything it stands on ready? Rooms add what they stand on with `@readiness`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from plumbing import roles
from plumbing.models import Heartbeat

STALE_AFTER = timedelta(minutes=5)


class NotReady(Exception):
    """Something is not as it must be; the message says what and what to do, without secrets."""


@dataclass(frozen=True)
class Check:
    """One thing to look at; it raises NotReady. One that does not stop serving is shown but keeps the page in service."""

    name: str
    look: Callable[[], None]
    stops_serving: bool


_checks: dict[str, Check] = {}
_migrated: list[bool] = []


def readiness(name: str, *, stops_serving: bool = True) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Adds the decorated function to what /readyz looks at."""

    def add(look: Callable[[], None]) -> Callable[[], None]:
        _checks[name] = Check(name, look, stops_serving)
        return look

    return add


@transaction.non_atomic_requests
@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return HttpResponse("alive\n", content_type="text/plain")


@transaction.non_atomic_requests
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """What every check says: 503 where one that is needed to serve fails, otherwise 200 with `ready` or `degraded`."""
    report, degraded, down = {}, False, False
    for check in _checks.values():
        try:
            check.look()
            report[check.name] = "ok"
        except NotReady as reason:
            report[check.name] = str(reason)
            degraded, down = True, down or check.stops_serving
        except Exception as problem:  # a check that breaks is a check that fails; the log has the rest
            report[check.name] = f"could not be checked ({type(problem).__name__})"
            degraded, down = True, down or check.stops_serving
    status = "down" if down else "degraded" if degraded else "ready"
    return JsonResponse({"status": status, "checks": report}, status=503 if down else 200)


def beat(name: str) -> None:
    """Notes that the named part of the machinery has just worked."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": timezone.now()})


@readiness("database")
def database_with_the_right_role() -> None:
    """The database answers, and we are neither its owner nor anybody whom row-level security does not bind."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper OR rolbypassrls OR pg_has_role(%s, 'USAGE') FROM pg_roles WHERE rolname = current_user",
            [roles.OWNER],
        )
        role, unbound = cursor.fetchone()
    if unbound:
        raise NotReady(
            f"logged in as {role}, whom row-level security does not bind; DATABASE_URL must name {roles.APP}"
        )


@readiness("migrations")
def migrations_applied() -> None:
    """The tables are those that this code expects; once they are, this process does not ask again."""
    if _migrated:
        return
    executor = MigrationExecutor(connection)
    if waiting := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotReady(f"{len(waiting)} migrations wait; run manage.py migrate")
    _migrated.append(True)


@readiness("workers", stops_serving=False)
def workers_were_seen() -> None:
    """Every part of the machinery that ever beat has done so lately."""
    late = Heartbeat.objects.using(DEFAULT_DB_ALIAS).filter(at__lt=timezone.now() - STALE_AFTER).order_by("name")
    if names := ", ".join(late.values_list("name", flat=True)):
        raise NotReady(f"not seen for {STALE_AFTER}: {names}; restart them")
