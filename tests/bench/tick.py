"""The tick: one look over very many flows of which none is due, and one of which a thousand are.

Usage: python -m tests.bench.tick FLOWS database
"""

from __future__ import annotations

import logging
import sys
import time
from statistics import median

import django

django.setup()

import psycopg  # noqa: E402  # Django first
from django_q.models import OrmQ  # noqa: E402

from integrations.doors.tasks import look  # noqa: E402
from plumbing import roles  # noqa: E402
from tests import database  # noqa: E402
from tests.bench.report import tell, timed  # noqa: E402

TENANTS, DUE, LOOKS = 1000, 1000, 30

TENANT = """
INSERT INTO tenants_tenant (id, slug, name, time_zone, home_currency, created_at)
SELECT gen_random_uuid(), 'bench-' || n, 'Bench ' || n, 'Europe/Vienna', 'EUR', now() FROM generate_series(1, %s) n
"""


def main(flows: str, name: str) -> None:
    database.use(name)
    logging.disable(logging.INFO)  # a line for each task
    with psycopg.connect(**database.login(roles.OWNER, name), autocommit=True) as owner:
        _fill(owner, int(flows))
        look()
        times: list[float] = []
        idle = timed("idle", lambda: times.extend(_look() for _ in range(LOOKS)), database=name)
        told = {"idle": median(times) * 1000, "idle_processor": idle["idle_processor"] / LOOKS * 1000}
        for case, tenants in (("few", 2), ("many", TENANTS)):
            OrmQ.objects.all().delete()
            owner.execute(MAKE_DUE, {"tenants": tenants, "each": DUE // tenants})
            told |= timed(case, look, database=name)
            told[f"{case}_dispatched"] = OrmQ.objects.count()
            owner.execute("UPDATE integrations_run SET state = 'done', wake_at = NULL")
            owner.execute("ANALYZE")
    tell(**told)


def _look() -> float:
    """Seconds that one look takes."""
    begun = time.perf_counter()
    look()
    return time.perf_counter() - begun


MAKE_DUE = """
WITH chosen AS (SELECT id FROM tenants_tenant WHERE slug LIKE 'bench-%%' ORDER BY slug LIMIT %(tenants)s),
due AS (SELECT f.id, row_number() OVER (PARTITION BY f.tenant_id) AS place
    FROM integrations_flow f JOIN chosen ON chosen.id = f.tenant_id)
UPDATE integrations_flow SET next_run_at = now() - interval '1 minute'
WHERE id IN (SELECT id FROM due WHERE place <= %(each)s)
"""


def _fill(owner: psycopg.Connection, flows: int) -> None:
    """Tenants, and their flows: half of them in two tenants, as some have very many."""
    owner.execute(TENANT, [TENANTS])
    big = flows // 2 // 2
    rest = (flows - 2 * big) // (TENANTS - 2)
    for table, values in ROWS.items():
        _insert(owner, table, values, {})
    for condition, number in (("slug IN ('bench-1', 'bench-10')", big), ("slug NOT IN ('bench-1', 'bench-10')", rest)):
        _insert(owner, "integrations_flow", FLOW, {"number": number}, condition=condition)
    owner.execute("ANALYZE")


# Column → what it holds, as SQL; what is not named here is empty.
ROWS = {
    "integrations_connection": {"name": "'Bench'", "connector": "'bench'", "state": "'connected'"},
    "integrations_mapping": {"name": "'Bench'", "kind_from": "'customer'", "kind_to": "'customer'"},
}
FLOW = {
    "name": "'flow ' || n",
    "source_id": "(SELECT id FROM integrations_connection c WHERE c.tenant_id = t.id)",
    "target_id": "(SELECT id FROM integrations_connection c WHERE c.tenant_id = t.id)",
    "mapping_id": "(SELECT id FROM integrations_mapping m WHERE m.tenant_id = t.id)",
    "schedule": "CASE n %% 2 WHEN 0 THEN 'interval' ELSE 'cron' END",
    "every_minutes": "60",
    "cron": "'30 2 * * *'",
    "enabled": "true",
    "next_run_at": "now() + interval '1 day' * random() + interval '1 hour'",
}
EMPTY = {
    "text": "''", "varchar": "''", "jsonb": "'{}'", "bytea": "''", "bool": "false", "int2": "0", "int4": "0", "int8": "0",
    "timestamptz": "now()", "uuid": "gen_random_uuid()",
}  # fmt: skip


def _insert(
    owner: psycopg.Connection, table: str, values: dict[str, str], given: dict[str, int], condition: str = "true"
) -> None:
    """So many rows for each of the tenants, all columns that must be filled filled."""
    columns = owner.execute(
        "SELECT column_name, udt_name FROM information_schema.columns "
        "WHERE table_name = %s AND table_schema = 'public' AND is_nullable = 'NO'",
        [table],
    ).fetchall()
    wanted = {name: EMPTY[kind] for name, kind in columns} | {"tenant_id": "t.id"} | values
    owner.execute(
        f"INSERT INTO {table} ({', '.join(wanted)}) SELECT {', '.join(wanted.values())} "
        f"FROM tenants_tenant t, generate_series(1, %(number)s) n WHERE slug LIKE 'bench-%%' AND {condition}",
        {"number": 1} | given,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
