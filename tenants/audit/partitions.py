"""The months of the event table: made ahead, so that no event ever waits for an operator."""

from datetime import date

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

from plumbing.health import NotReady, readiness

LEAST_AHEAD = 3  # months, of the 24 that are made

# Runs as the owner, takes nothing, and touches only partitions of this table: the application may call it.
FUNCTION = """
CREATE OR REPLACE FUNCTION audit_make_months() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first date := date_trunc('month', timezone('UTC', now()))::date;
    month date;
    part text;
    made integer := 0;
BEGIN
    -- Two that extend at once wait for each other.
    PERFORM pg_advisory_xact_lock(hashtext('audit_make_months'));
    FOR ahead IN 0..24 LOOP
        month := (first + make_interval(months => ahead))::date;
        part := 'audit_event_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('public.' || part) IS NOT NULL;
        -- A month that events already fell into by default cannot be cut out of it; readiness reports them.
        CONTINUE WHEN EXISTS (
            SELECT FROM public.audit_event_default WHERE at >= month::timestamp AT TIME ZONE 'UTC'
            AND at < (month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
        EXECUTE format(
            'CREATE TABLE public.%I PARTITION OF public.audit_event FOR VALUES FROM (%L) TO (%L)',
            part, month::text || ' 00:00:00+00', (month + interval '1 month')::date::text || ' 00:00:00+00');
        -- Events are reached through their table, where the locks are, and never by a month's name.
        EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC, tieout_app, tieout_dispatch', part);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$
"""


def make_months(using: str = DEFAULT_DB_ALIAS) -> int:
    """Makes what is missing of the months up to two years ahead, and gives how many were; may be called at any time."""
    with transaction.atomic(using), connections[using].cursor() as cursor:
        cursor.execute("SELECT audit_make_months()")
        return cursor.fetchone()[0]


@readiness("audit months", stops_serving=False)
def months_are_ahead() -> None:
    """There are months to write into, and nothing fell between them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(relname) FROM pg_inherits JOIN pg_class ON oid = inhrelid "
            "WHERE inhparent = 'public.audit_event'::regclass AND relname ~ '^audit_event_[0-9]{4}_[0-9]{2}$'"
        )
        last = cursor.fetchone()[0]
        cursor.execute("SELECT timezone('UTC', now())::date")
        today: date = cursor.fetchone()[0]
    year, month = map(int, last.rsplit("_", 2)[1:]) if last else (today.year, today.month)
    if (year - today.year) * 12 + month - today.month < LEAST_AHEAD:
        raise NotReady(f"the audit trail has months only until {year}-{month:02}; run manage.py migrate to make more")
