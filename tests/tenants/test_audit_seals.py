"""Nobody can change the past unnoticed: not even the owner of the database."""

import json
import re
import subprocess
import sys
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from tenants import audit
from tenants.audit import Entry, Reference, keys, proof, seals
from tenants.audit.models import Event, Payload, Seal
from tenants.scope import tenant_scope
from tests.house.source import ROOT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def checkpoints(settings, tmp_path):
    settings.AUDIT_CHECKPOINTS = tmp_path
    return tmp_path


def happen(*numbers: int) -> None:
    with transaction.atomic():
        audit.record_many(
            Entry(verb="record.applied", subject=Reference("invoice", str(number)), payload={"name": f"Ada {number}"})
            for number in numbers
        )


@pytest.fixture
def trail(tenant):
    """Three sealed batches of three events each, the time behind them closed, and one event that waits for its seal."""
    for batch in range(3):
        happen(*range(batch * 3, batch * 3 + 3))
        assert seals.seal_all() == 3
    return tenant


@pytest.fixture
def closed(trail, monkeypatch):
    """The same, ten minutes later: no event of then can be added any more."""
    monkeypatch.setattr(seals, "GRACE", timedelta(0))
    assert seals.seal_all() == 0
    assert numbers_of_seals() == [1, 2, 3, 4]
    return trail


def numbers_of_seals() -> list[int]:
    with transaction.atomic():
        return list(Seal.objects.order_by("number").values_list("number", flat=True))


def test_what_happened_is_proved(trail):
    happen(10)
    verdict = seals.verdict()
    assert verdict.is_good
    assert (verdict.seals, verdict.sealed, verdict.unsealed) == (3, 9, 1)


def test_an_event_is_sealed_once_however_often_the_sealer_comes(trail):
    assert seals.seal_all() == 0
    assert numbers_of_seals() == [1, 2, 3]


def test_a_long_trail_is_sealed_in_batches(tenant, monkeypatch):
    monkeypatch.setattr(seals, "BATCH", 4)
    happen(*range(11))
    assert seals.seal_all() == 11
    assert seals.verdict().is_good
    assert numbers_of_seals() == [1, 2, 3]


def test_an_event_that_commits_late_is_sealed_with_those_that_came_before_it(trail):
    with transaction.atomic():
        Event.objects.create(
            at=timezone.now() - timedelta(minutes=5), verb="late", actor_kind="system", subject_kind="x"
        )
    assert seals.seal_all() == 1
    assert seals.verdict().is_good


def test_two_sealers_do_not_seal_the_same_twice(trail, owner):
    happen(11)
    owner.execute("BEGIN")
    owner.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"audit.seal/{trail.pk}"])
    assert seals.seal_all() == 0
    owner.execute("ROLLBACK")
    assert seals.seal_all() == 1


def test_only_tenants_with_something_to_seal_are_due(trail, other_tenant, monkeypatch):
    assert seals.due() == []
    with tenant_scope(other_tenant.pk):
        happen(1)
    assert seals.due() == [other_tenant.pk]
    monkeypatch.setattr(seals, "GRACE", timedelta(0))
    assert set(seals.due()) == {trail.pk, other_tenant.pk}, "the time behind the last seal is still open"


CHANGE = "UPDATE audit_event SET data = '{\"amount\": \"0\"}' WHERE subject_id = '4'"
REMOVE = "DELETE FROM audit_event WHERE subject_id = '4'"
HIDE = """
UPDATE audit_seal SET events = array_remove(events, (SELECT id FROM audit_event WHERE subject_id = '4')) WHERE number = 2;
DELETE FROM audit_event WHERE subject_id = '4'
"""
REORDER = "UPDATE audit_seal SET events = ARRAY[events[2], events[1], events[3]] WHERE number = 2"
SWAP = """
UPDATE audit_seal SET number = 99 WHERE number = 2;
UPDATE audit_seal SET number = 2 WHERE number = 3; UPDATE audit_seal SET number = 3 WHERE number = 99
"""
DROP_SEAL = "DELETE FROM audit_seal WHERE number = 2"
CUT = """
DELETE FROM audit_event WHERE id IN (SELECT unnest(events) FROM audit_seal WHERE number >= 3);
DELETE FROM audit_seal WHERE number >= 3
"""
FORGE = "UPDATE audit_seal SET sealed_at = sealed_at - interval '1 day' WHERE number = 2"
FORGE_PAYLOAD = "UPDATE audit_payload SET payload = '{\"name\": \"Eve\"}' WHERE payload->>'name' = 'Ada 4'"
DROP_PAYLOAD = "DELETE FROM audit_payload WHERE payload->>'name' = 'Ada 4'"


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (CHANGE, r"seal 2, entry 2: event .* \(record.applied, .*\) was changed"),
        (REMOVE, r"seal 2, entry 2: event .* was removed"),
        (HIDE, r"seal 2 was changed"),
        (REORDER, r"seal 2, entry 1: event .* was changed"),
        (SWAP, r"seal 2 was removed or moved|seal 2 does not follow the seal before it|seal 2 was changed"),
        (DROP_SEAL, r"seal 2 was removed or moved: after seal 1 comes seal 3"),
        (CUT, r"the end was cut off: after seal 2 there were more, up to seal 4"),
        (FORGE, r"seal 2 was changed"),
        (FORGE_PAYLOAD, r"seal 2, entry 2: event .*: its payload was changed"),
        (DROP_PAYLOAD, r"seal 2, entry 2: event .*: its payload was removed, and no event says that it was erased"),
    ],
    ids=[
        "change",
        "remove",
        "hide",
        "reorder",
        "swap",
        "drop seal",
        "cut",
        "forge seal",
        "forge payload",
        "drop payload",
    ],
)
def test_the_first_bad_entry_is_named_whatever_the_owner_of_the_database_did(closed, owner, deed, words):
    for statement in deed.split(";"):
        owner.execute(statement)
    verdict = seals.verdict()
    assert not verdict.is_good
    assert re.search(words, verdict.wrong[0]), verdict.wrong


def test_an_event_put_in_later_is_named(closed, owner):
    owner.execute(
        "INSERT INTO audit_event (id, tenant_id, at, verb, actor_kind, actor_id, actor_name, subject_kind, subject_id, "
        "subject_name, data, links, payload_hash) SELECT gen_random_uuid(), tenant_id, at, 'record.approved', actor_kind, "
        "actor_id, actor_name, subject_kind, subject_id, subject_name, data, links, '' FROM audit_event LIMIT 1"
    )
    [wrong] = seals.verdict().wrong
    assert "record.approved" in wrong
    assert "was put in later" in wrong


def test_a_chain_written_anew_with_another_key_is_found(closed, owner, settings):
    """Whoever owns the database, but not the key, can make a chain that is right in itself, and nothing more."""
    owner.execute("DELETE FROM audit_seal")
    mine, settings.AUDIT_KEYS = settings.AUDIT_KEYS, ["A" * 43 + "="]
    assert seals.seal_all() == 9
    settings.AUDIT_KEYS = mine
    assert seals.verdict().wrong[0] == "seal 1 is not signed with a known key"


def test_a_chain_written_anew_with_the_same_key_still_differs_from_the_checkpoint(closed, owner, checkpoints):
    kept = seals.checkpoint(closed.pk)
    owner.execute("DELETE FROM audit_seal")
    assert seals.seal_all() == 9
    assert seals.checkpoint(closed.pk) == kept, "a checkpoint is never taken back"
    assert "the end was cut off" in seals.verdict().wrong[0]


def test_a_cut_end_stays_to_be_seen_when_the_trail_grows_again(closed, owner, caplog):
    for statement in CUT.split(";"):
        owner.execute(statement)
    for number in range(20, 25):
        happen(number)
        seals.seal_all()
    assert numbers_of_seals()[-1] > 4
    assert seals.verdict().wrong == ["seal 4 is not the one that the checkpoint names: the chain was written anew"]
    assert "lacks what its checkpoint proves" in caplog.text


def test_a_former_key_still_proves_what_it_signed(trail, settings):
    settings.AUDIT_KEYS = ["A" * 43 + "=", *settings.AUDIT_KEYS]
    happen(12)
    seals.seal_all()
    assert seals.verdict().is_good


def test_an_erased_payload_breaks_nothing_where_an_event_tells_of_it(trail):
    with transaction.atomic():
        [event] = Event.objects.filter(subject_id="4")
        Payload.objects.filter(event_id=event.pk).delete()
        audit.record(proof.ERASED, subject=Reference("person", "ada"), data={"events": [str(event.pk)]})
    verdict = seals.verdict()
    assert verdict.is_good
    assert verdict.erased == 1


@pytest.mark.parametrize("table", ["audit_event", "audit_seal"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_application_can_only_add_and_read(trail, table, statement):
    with pytest.raises(Exception, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table))


def exported(tenant, folder) -> list[str]:
    call_command("export_audit", tenant.slug, folder / "trail.jsonl")
    return (folder / "trail.jsonl").read_text().splitlines()


def check(path, tenant, *more: str) -> subprocess.CompletedProcess:
    """The stand-alone verifier, as an auditor runs it: one file, away from the platform."""
    alone = path.with_name("proof.py")
    alone.write_text((ROOT / "tenants/audit/proof.py").read_text())
    given = [sys.executable, str(alone), str(path), "--key", keys.ring()[0].public.hex(), *more]
    return subprocess.run(given, capture_output=True, text=True, cwd=path.parent, env={}, timeout=60)


def test_an_auditor_checks_an_export_without_the_platform(closed, tmp_path, checkpoints):
    path = tmp_path / "trail.jsonl"
    lines = exported(closed, tmp_path)
    held = str(checkpoints / f"{closed.pk}.checkpoint")
    good = check(path, closed, "--checkpoint", held)
    assert (good.returncode, good.stdout) == (0, "Good: 9 events in 4 seals, 0 not sealed yet.\n"), good.stderr

    path.write_text("\n".join(line.replace("Ada 4", "Eve 4") for line in lines))
    assert "seal 2, entry 2" in check(path, closed).stdout
    path.write_text("\n".join(lines[:-1]))
    assert check(path, closed).returncode == 0, "a cut tail is not to be seen without a checkpoint"
    cut = check(path, closed, "--checkpoint", held)
    assert (cut.returncode, "the end was cut off" in cut.stdout) == (1, True)


def test_the_command_says_where_the_trail_is_wrong_and_fails(closed, owner):
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert "ours: Good: 9 events in 4 seals" in out.getvalue()
    owner.execute(REMOVE)
    with pytest.raises(CommandError, match="ours is not as it was written"):
        call_command("verify_audit", tenant="ours", stdout=out)
    assert "WRONG, first: seal 2, entry 2" in out.getvalue()


def test_the_public_keys_are_told_for_auditors_and_the_private_never(trail):
    out = StringIO()
    call_command("verify_audit", keys=True, stdout=out)
    assert out.getvalue().split() == [keys.ring()[0].id, keys.ring()[0].public.hex()]


def test_an_export_holds_each_event_as_json(trail, tmp_path):
    events = [json.loads(line)["event"] for line in exported(trail, tmp_path) if "event" in json.loads(line)]
    assert [event["subject"][1] for event in events if event["verb"] == "record.applied"][:1] != []
    assert len(events) == 9
