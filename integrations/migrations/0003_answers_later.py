import django.db.models.deletion
from django.db import migrations, models

import plumbing.ids
import tenants.owned
from plumbing.rowlevel import GrantDispatch, SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0002_polled_vendors"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Outstanding",
            fields=[
                (
                    "id",
                    models.UUIDField(default=plumbing.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("digest", models.CharField(max_length=64)),
                ("then", models.TextField()),
                ("asked_at", models.DateTimeField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.RemoveIndex(
            model_name="call",
            name="call_open",
        ),
        migrations.AddField(
            model_name="call",
            name="ask_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="run",
            name="again_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="run",
            name="handed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="run",
            name="woken_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="stream",
            name="listed",
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name="call",
            name="state",
            field=models.CharField(
                choices=[
                    ("prepared", "prepared"),
                    ("sent", "sent, no answer yet"),
                    ("waiting", "the answer comes later"),
                    ("answered", "answered"),
                    ("settled", "settled"),
                    ("lost", "its answer was lost"),
                ],
                default="prepared",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                condition=models.Q(("state__in", ("prepared", "sent", "waiting", "answered", "lost"))),
                fields=["tenant", "connection", "object"],
                name="call_open",
            ),
        ),
        migrations.AddField(
            model_name="outstanding",
            name="connection",
            field=tenants.owned.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE, to="integrations.connection"
            ),
        ),
        migrations.AddField(
            model_name="outstanding",
            name="tenant",
            field=tenants.owned.TenantField(),
        ),
        migrations.AddConstraint(
            model_name="outstanding",
            constraint=models.UniqueConstraint(
                fields=("tenant", "connection", "digest"), name="one_outstanding_a_question"
            ),
        ),
        SecureTenantTables(),
        # The tick looks over all tenants for what is due, and notes what it has handed out.
        GrantDispatch(
            "integrations_run",
            select=("id", "tenant_id", "state", "wake_at", "leased_until", "handed_at"),
            update=("wake_at", "handed_at"),
        ),
    ]
