"""A row of every kind that the admin shows, with values that make sense together."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone

from integrations.connections.locks import LockDates
from integrations.connections.models import Connection
from integrations.crosswalk.models import Identity, Link
from integrations.mapping.models import Mapping, MappingEdition, Template, ValueTable
from integrations.mapping.services import save_mapping
from integrations.records.models import Issue, Record, Stream
from integrations.sync.closing import PeriodRule
from integrations.sync.models import Call, CallIntent, Flow, Intent, Item, Run
from integrations.wire.locks import Lock, to_plain
from tenants import audit
from tenants.access.models import Membership, SupportAccess, User
from tenants.audit.models import Event
from tenants.models import Tenant

SECRET = "sesame-open-7531"  # in every place where a secret can be; it must show nowhere

World = dict[type[Model], Any]


def world(tenant: Tenant, *, owner: User) -> World:
    """One row of each model of the tenant in scope."""
    now = timezone.now()
    rows = [tenant, *_connected(), *_mapped()]
    made: World = {type(row): row for row in rows}
    files, books = Connection.objects.get(name="Sales"), Connection.objects.get(name="Books")
    identity = Identity.objects.create(kind="invoice")
    source = _record(files, "R-1", "INV-1", url="file:june.csv#L2-L3")
    target = _record(books, "77", "INV-1")
    link = Link.objects.create(identity=identity, connection=files, object="invoice", external_id="R-1", how="source")
    Link.objects.create(identity=identity, connection=books, object="invoice", external_id="77", how="created")
    flow = Flow.objects.create(
        name="Invoices", source=files, source_object="invoice", target=books, target_object="invoice",
        mapping=made[Mapping], schedule="cron", cron="0 6 * * *",
    )  # fmt: skip
    run = Run.objects.create(
        flow=flow, started_by="test", state="stopped", words="look first", counts={"create": 1, "read_new": 1},
        totals={"agree": False, "source_count": 1, "target_count": 1, "source": {"GBP": "12.5"}, "target": {"GBP": "12"},
                "differing": 1, "differences": [{"record": str(source.pk), "source": "INV-1", "target_id": "77",
                                                 "source_amount": "12.5", "target_amount": "12"}]},
    )  # fmt: skip
    item = Item.objects.create(
        flow=flow, run=run, record=source, identity=identity, operation="update", state="held", reason="both_changed",
        words="both sides changed memo", feed_no=1, edition=1, target_id="77",
        differences=[{"field": "memo", "before": "old words", "after": "new words"}],
    )  # fmt: skip
    intent = Intent.objects.create(
        connection=books, object="invoice", identity=identity, item=item, operation="create", n=0, key="k-1"
    )
    call = Call.objects.create(
        connection=books, object="invoice", run=run, key="k-1", method="POST", path="/invoice",
        headers={"Authorization": f"Bearer {SECRET}"}, body='{"DocNumber": "INV-1", "TotalAmt": 12.50}',
        status=200, answer=f'{{"Id": "77", "access_token": "{SECRET}"}}', sent_at=now, answered_at=now, state="settled",
    )  # fmt: skip
    CallIntent.objects.create(call=call, intent=intent, position=0)
    issue = Issue.objects.create(
        code="both_changed", about="held/1", flow=flow, record=source, connection=files, object="invoice",
        where="Invoices: INV-1", words="both sides changed memo", explanation="This record is held.", seen_at=now,
    )  # fmt: skip
    stream = Stream.objects.create(connection=files, object="invoice", feed_no=1)
    member, _ = Membership.objects.get_or_create(user=owner, defaults={"role": "owner"})
    support = SupportAccess.objects.create(
        user=User.objects.create(username=f"help-{tenant.slug}", email=f"help@{tenant.slug}.example"),
        granted_by=owner, reason="a look", until=now + timedelta(days=1),
    )  # fmt: skip
    audit.record("record.applied", subject=source, actor=owner, data={"call": str(call.pk)})
    event = Event.objects.filter(verb="record.applied").get()
    for row in (source, link, flow, run, item, intent, call, issue, stream, member, support, event):
        made[type(row)] = row
    for row in _closed(books):
        made[type(row)] = row
    made[Connection], made["target"] = books, target  # the other end, by its part
    return made


def _connected() -> list[Model]:
    Connection.objects.create(
        name="Sales", connector="files", settings={"folder": "sales", "layout": "online_retail"}, state="connected"
    )
    return [
        Connection.objects.create(
            name="Books", connector="quickbooks_online", environment="production", state="connected",
            settings={"realmId": "123"}, company={"name": "Ours & Co", "currency": "GBP"},
            secrets={"access_token": SECRET, "refresh_token": SECRET},
        )
    ]  # fmt: skip


def _closed(books: Connection) -> list[Model]:
    now, lock = timezone.now(), Lock(name="closing date", until=date(2026, 3, 31))
    return [
        PeriodRule.objects.create(connection=books, object="invoice", rule="approve"),
        LockDates.objects.create(connection=books, locks=to_plain([lock]), read_at=now, changed_at=now),
    ]


def _mapped() -> list[Model]:
    template = Template.objects.get(slug="online_retail_to_quickbooks_online")
    mapping = Mapping(
        name="Invoices", template=template, template_flow="invoices", kind_from="invoice", kind_to="invoice",
        answers={"tax_code": "3", "income_account": "79"},
    )  # fmt: skip
    save_mapping(mapping, by=None)
    return [mapping, MappingEdition.objects.get(), ValueTable.objects.create(name="countries", entries={"Eire": "IE"})]


def _record(connection: Connection, external_id: str, number: str, *, url: str = "") -> Record:
    now = timezone.now()
    said = (
        f'{{"external_id":"{external_id}","number":"{number}","currency":"GBP","total":"12.50",'
        f'"customer":{{"name":"Acme"}},"lines":[{{"description":"Mug","quantity":"2"}}]'
        + (f',"url":"{url}"' if url else "")
        + "}"
    )
    return Record.objects.create(
        connection=connection, object="invoice", kind="invoice", external_id=external_id, title=number,
        raw=f'{{"DocNumber": "{number}", "TotalAmt": 12.50}}', raw_hash="x", canonical=said, edition=1,
        feed_no=1, read_at=now, first_kept_at=now, kept_at=now, by_number=number.lower(), by_total="12.5",
    )  # fmt: skip


def url_of(row: Model, page: str = "change") -> str:
    """The address of a row's own page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=(row.pk,))


def list_of(model: type[Model]) -> str:
    """The address of a model's list."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
