import django.db.models.deletion
from django.db import migrations, models

import plumbing.ids
import tenants.owned
from plumbing.rowlevel import GrantDispatch, SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0001_initial"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Visit",
            fields=[
                (
                    "id",
                    models.UUIDField(default=plumbing.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("came_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("left_at", models.DateTimeField(null=True)),
                ("place", models.JSONField(default=dict)),
                ("is_turned", models.BooleanField(default=False)),
                ("words", models.TextField(blank=True)),
                (
                    "connection",
                    tenants.owned.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="integrations.connection"
                    ),
                ),
                ("tenant", tenants.owned.TenantField()),
            ],
            options={
                "ordering": ("-came_at",),
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Errand",
            fields=[
                (
                    "id",
                    models.UUIDField(default=plumbing.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waits to be fetched"),
                            ("fetched", "fetched, no answer yet"),
                            ("answered", "answered"),
                            ("lost", "its answer was lost"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("request", models.BinaryField()),
                ("answer", models.BinaryField(null=True)),
                ("put_at", models.DateTimeField()),
                ("fetched_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "connection",
                    tenants.owned.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="integrations.connection"
                    ),
                ),
                ("tenant", tenants.owned.TenantField()),
                (
                    "visit",
                    tenants.owned.TenantForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, to="integrations.visit"
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Caller",
            fields=[
                (
                    "id",
                    models.UUIDField(default=plumbing.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("user", models.CharField(max_length=40)),
                ("password", models.CharField(blank=True, max_length=128)),
                ("password_at", models.DateTimeField(null=True)),
                ("place_id", models.CharField(max_length=36)),
                ("place", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "connection",
                    tenants.owned.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="integrations.connection"
                    ),
                ),
                ("tenant", tenants.owned.TenantField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "connection"), name="one_caller"),
                    models.UniqueConstraint(fields=("user",), name="one_caller_a_name"),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="visit",
            constraint=models.UniqueConstraint(
                condition=models.Q(("left_at", None)), fields=("tenant", "connection"), name="one_visit_at_a_time"
            ),
        ),
        migrations.AddIndex(
            model_name="errand",
            index=models.Index(condition=models.Q(("state", "waiting")), fields=["put_at"], name="errand_waiting"),
        ),
        migrations.AddConstraint(
            model_name="errand",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("waiting", "fetched"))),
                fields=("tenant", "connection", "digest"),
                name="one_open_errand",
            ),
        ),
        SecureTenantTables(),
        # Whoever comes gives a name, and the name's tenant must be found.
        GrantDispatch("integrations_caller", select=("tenant_id", "user")),
        # The tick looks over all tenants for what nobody comes for.
        GrantDispatch("integrations_errand", select=("tenant_id", "state", "put_at")),
    ]
