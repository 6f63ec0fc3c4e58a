"""Schedules on the clocks of the tenant: daylight saving neither skips a slot nor doubles one."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.sync.models import Flow
from integrations.sync.schedule import check_schedule, next_at, next_slot
from tenants.models import Tenant

VIENNA, NEW_YORK, UTC_ZONE = ZoneInfo("Europe/Vienna"), ZoneInfo("America/New_York"), ZoneInfo("UTC")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def slots(cron: str, zone: ZoneInfo, start: str, end: str) -> list[str]:
    """Every slot between two moments, as the tick meets them: each looked for after the one before."""
    found, now = [], at(start)
    while (now := next_at(cron, zone=zone, after=now)) < at(end):
        found.append(f"{now:%d %H:%M}")
    return found


def test_a_slot_in_the_hour_that_does_not_exist_runs_once() -> None:
    # In Vienna clocks went from 02:00 to 03:00 on 31 March 2024.
    assert slots("30 2 * * *", VIENNA, "2024-03-29T12:00", "2024-04-02T00:00") == ["30 01:30", "31 01:00", "01 00:30"]


def test_a_slot_in_the_hour_that_comes_twice_runs_once() -> None:
    # In Vienna clocks went back from 03:00 to 02:00 on 27 October 2024.
    assert slots("30 2 * * *", VIENNA, "2024-10-25T12:00", "2024-10-29T00:00") == ["26 00:30", "27 00:30", "28 01:30"]


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25), ("2024-06-01", 24)])
def test_every_quarter_of_an_hour_is_every_quarter_of_an_hour_on_any_night(day: str, hours: int) -> None:
    midnight = datetime.fromisoformat(day).replace(tzinfo=VIENNA)
    now, gaps, end = midnight.astimezone(UTC), [], (midnight + timedelta(days=1)).astimezone(UTC)
    before = now
    while (now := next_at("*/15 * * * *", zone=VIENNA, after=now)) <= end:
        gaps.append(now - before)
        before = now
    assert set(gaps) == {timedelta(minutes=15)}
    assert len(gaps) == hours * 4


def test_a_weekly_slot_stays_at_the_same_hour_of_the_wall_clock() -> None:
    found = slots("0 6 * * 1", NEW_YORK, "2024-10-20T00:00", "2024-11-12T00:00")
    assert found == ["21 10:00", "28 10:00", "04 11:00", "11 11:00"]


@st.composite
def nights(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """A zone and a moment at which its clocks jump, in UTC."""
    zone = ZoneInfo(draw(st.sampled_from(JUMPING)))
    year = draw(st.integers(2005, 2035))
    return zone, draw(st.sampled_from(jumps(zone, year)))


def jumps(zone: ZoneInfo, year: int) -> list[datetime]:
    """The moments of a year after which the offset of a zone's clocks is another, to the minute; New Year where there are none."""
    found, hour = [], timedelta(hours=1)
    now = datetime(year, 1, 1, tzinfo=UTC)
    for _ in range(366):
        then = now + 24 * hour
        if now.astimezone(zone).utcoffset() != then.astimezone(zone).utcoffset():
            minutes = (now + timedelta(minutes=each) for each in range(1, 1441))
            found.append(next(m for m in minutes if m.astimezone(zone).utcoffset() != now.astimezone(zone).utcoffset()))
        now = then
    return found or [datetime(year, 1, 1, tzinfo=UTC)]


# With jumps of an hour, of half an hour, at midnight, in the other half of the year, of a whole day, and with none.
JUMPING = [
    "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Asia/Tehran",
    "Pacific/Apia", "Africa/Casablanca", "America/Havana", "Asia/Kathmandu", "Antarctica/Troll",
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(nights(), st.integers(0, 23), st.integers(0, 59))
def test_around_any_jump_of_clocks_a_daily_slot_comes_once_for_each_day_that_the_calendar_has(
    night: tuple[ZoneInfo, datetime], hour: int, minute: int
) -> None:
    zone, jump = night
    start = datetime.combine((jump - timedelta(days=3)).astimezone(zone).date(), time(), zone)
    end = datetime.combine((jump + timedelta(days=4)).astimezone(zone).date(), time(), zone)
    now, met = start.astimezone(UTC) - timedelta(seconds=1), []
    while (now := next_at(f"{minute} {hour} * * *", zone=zone, after=now)) < end.astimezone(UTC):
        met.append(now)

    assert len(met) == (end.date() - start.date()).days  # also for a day that was left out of the calendar
    for moment in met:
        wall = moment.astimezone(zone)
        assert (wall.hour, wall.minute) == (hour, minute) or is_just_after_a_jump(moment, zone)


@settings(max_examples=40, deadline=None)
@given(nights(), st.sampled_from(["0 */2 * * *", "*/15 2 * * *", "30 1,2,3 * * *", "*/20 0-5 * * *"]))
def test_around_any_jump_of_clocks_each_slot_on_the_wall_comes_once(
    night: tuple[ZoneInfo, datetime], cron: str
) -> None:
    zone, jump = night
    now, end, met = jump - timedelta(days=2), jump + timedelta(days=2), []
    while (now := next_at(cron, zone=zone, after=now)) < end:
        met.append(now)
    wall = [moment.astimezone(zone).replace(tzinfo=None) for moment in met]

    assert all(earlier < later for earlier, later in pairwise(wall))  # none comes twice
    for earlier, later in pairwise(wall):  # none is left out: what lies between two was not due
        between = next(CronSim(cron, earlier))
        assert between >= later or is_just_after_a_jump(met[wall.index(later)], zone)


@settings(max_examples=40, deadline=None)
@given(nights(), st.sampled_from([1, 5, 15, 30]))
def test_around_any_jump_of_clocks_so_many_minutes_stay_so_many_minutes(
    night: tuple[ZoneInfo, datetime], minutes: int
) -> None:
    zone, jump = night
    now, met = jump - timedelta(hours=3), []
    while (now := next_at(f"*/{minutes} * * * *", zone=zone, after=now)) < jump + timedelta(hours=3):
        met.append(now)

    assert {later - earlier for earlier, later in pairwise(met)} == {timedelta(minutes=minutes)}


def is_just_after_a_jump(moment: datetime, zone: ZoneInfo) -> bool:
    before = moment - timedelta(seconds=1)
    return moment.astimezone(zone).replace(tzinfo=None) - before.astimezone(zone).replace(tzinfo=None) > timedelta(
        seconds=1
    )


@settings(max_examples=40, deadline=None)
@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2026, 1, 1)),  # noqa: DTZ001  # given its zone below
    st.sampled_from(JUMPING),
    st.sampled_from(["30 2 * * *", "*/5 * * * *", "0 6 * * 1", "59 23 28 2 *", "0 */6 1 * *"]),
    st.integers(0, 400),
)
def test_however_many_slots_a_tick_missed_the_one_it_meets_is_the_first_that_is_ahead(
    moment: datetime, zone: str, cron: str, hours: int
) -> None:
    before = moment.replace(tzinfo=UTC)
    now = before + timedelta(hours=hours)
    one_by_one = next_at(cron, zone=ZoneInfo(zone), after=before)
    for _ in range(5000):
        if one_by_one > now:
            break
        one_by_one = next_at(cron, zone=ZoneInfo(zone), after=one_by_one)

    assert next_at(cron, zone=ZoneInfo(zone), after=now) == one_by_one


def test_two_hours_on_the_wall_are_not_run_twice_on_the_long_night() -> None:
    assert slots("0 */2 * * *", VIENNA, "2024-10-26T21:00", "2024-10-27T05:00") == [
        "26 22:00", "27 00:00", "27 03:00",
    ]  # fmt: skip


def test_every_quarter_of_an_hour_that_does_not_exist_runs_once() -> None:
    assert slots("*/15 2 * * *", VIENNA, "2024-03-30T12:00", "2024-03-31T12:00") == ["31 01:00"]


def test_a_day_that_the_calendar_left_out_runs_once() -> None:
    # In Samoa the 29th of December 2011 was followed by the 31st.
    found = slots("0 6 * * *", ZoneInfo("Pacific/Apia"), "2011-12-29T00:00", "2012-01-01T00:00")
    assert found == ["29 16:00", "30 10:00", "30 16:00", "31 16:00"]


def test_a_day_has_one_slot_of_a_daily_schedule_in_any_year() -> None:
    now, days = at("2024-01-01T12:00"), []
    for _ in range(730):
        now = next_at("30 2 * * *", zone=VIENNA, after=now)
        days.append(now.astimezone(VIENNA).date())
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(days))


def test_an_interval_counts_from_now_so_that_missed_slots_are_one(tenant: Tenant) -> None:
    flow = Flow(schedule=Flow.Schedule.INTERVAL, every_minutes=5, next_run_at=at("2024-01-01T00:00"))

    assert next_slot(flow, after=at("2024-01-01T09:02")) == at("2024-01-01T09:07")


def test_a_missed_cron_slot_is_not_made_up_for(tenant: Tenant) -> None:
    flow = Flow(schedule=Flow.Schedule.CRON, cron="0 * * * *", next_run_at=at("2024-01-01T00:00"))

    assert next_slot(flow, after=at("2024-01-01T09:02")) == at("2024-01-01T10:00")


def test_the_tenants_time_zone_counts(tenant: Tenant, owner: object) -> None:
    owner.execute("UPDATE tenants_tenant SET time_zone = 'America/New_York' WHERE id = %s", [tenant.pk])
    flow = Flow(schedule=Flow.Schedule.CRON, cron="0 6 * * *")
    from django.db import transaction

    with transaction.atomic():
        assert next_slot(flow, after=at("2024-01-10T00:00")) == at("2024-01-10T11:00")


@pytest.mark.parametrize(("enabled", "schedule"), [(False, "interval"), (False, "cron"), (True, "by_hand")])
def test_a_flow_that_is_off_or_run_by_hand_has_no_slot(tenant: Tenant, enabled: bool, schedule: str) -> None:
    assert next_slot(Flow(enabled=enabled, schedule=schedule, every_minutes=5, cron="* * * * *")) is None


@pytest.mark.parametrize("cron", ["", "* * * *", "61 * * * *", "0 0 30 2 *", "0 0 6 * * *", "@hourly", "every day"])
def test_a_schedule_that_cannot_be_followed_is_refused(cron: str) -> None:
    with pytest.raises(ValidationError, match="no schedule"):
        check_schedule(Flow(schedule=Flow.Schedule.CRON, cron=cron))


@pytest.mark.parametrize("minutes", [None, 0])
def test_an_interval_of_nothing_is_refused(minutes: int | None) -> None:
    with pytest.raises(ValidationError, match="Say every how many minutes"):
        check_schedule(Flow(schedule=Flow.Schedule.INTERVAL, every_minutes=minutes))


def test_an_interval_and_a_cron_that_make_sense_are_taken() -> None:
    check_schedule(Flow(schedule=Flow.Schedule.INTERVAL, every_minutes=5))
    check_schedule(Flow(schedule=Flow.Schedule.CRON, cron="0 6 * * 1-5"))
