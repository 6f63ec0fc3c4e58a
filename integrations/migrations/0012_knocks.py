import django.db.models.deletion
from django.db import migrations, models

import plumbing.ids
import plumbing.sealing
import tenants.owned
from plumbing.rowlevel import GrantDispatch, SecureTenantTables

# Connections that were made before: their vendors knock for the company that they have answered for.
BELLS = """
INSERT INTO integrations_bell (id, tenant_id, connection_id, connector, environment, company, refused, fence)
SELECT gen_random_uuid(), tenant_id, id, connector, environment, left(company ->> 'id', 200), 0, 0
FROM integrations_connection WHERE coalesce(company ->> 'id', '') <> ''
"""


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0011_closed_periods"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="vendorapp",
            name="knock_keys",
            field=plumbing.sealing.SealedField(null=True),
        ),
        migrations.AddField(
            model_name="vendorapp",
            name="refused",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="vendorapp",
            name="refused_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="vendorapp",
            name="strayed",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.CreateModel(
            name="Bell",
            fields=[
                (
                    "id",
                    models.UUIDField(default=plumbing.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("fence", models.BigIntegerField(default=0, editable=False)),
                ("leased_until", models.DateTimeField(editable=False, null=True)),
                ("connector", models.SlugField(db_index=False, max_length=60)),
                ("environment", models.SlugField(db_index=False, max_length=20)),
                ("company", models.CharField(blank=True, max_length=200)),
                ("address", plumbing.sealing.SealedField(null=True)),
                ("address_hash", models.CharField(max_length=64, null=True, unique=True)),
                ("former_hash", models.CharField(max_length=64, null=True, unique=True)),
                ("former_until", models.DateTimeField(null=True)),
                ("keys", plumbing.sealing.SealedField(null=True)),
                ("knocked_at", models.DateTimeField(null=True)),
                ("refused", models.PositiveIntegerField(default=0)),
                ("refused_at", models.DateTimeField(null=True)),
                ("ring_at", models.DateTimeField(null=True)),
                ("handed_at", models.DateTimeField(null=True)),
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
                "constraints": [models.UniqueConstraint(fields=("tenant", "connection"), name="one_bell")],
                "indexes": [
                    models.Index(fields=["connector", "environment", "company"], name="bell_company"),
                    models.Index(
                        condition=models.Q(("ring_at__isnull", False)), fields=["ring_at"], name="bell_rung"
                    ),
                    models.Index(
                        condition=models.Q(("leased_until__isnull", False)), fields=["leased_until"], name="bell_held"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Knock",
            fields=[
                (
                    "id",
                    models.UUIDField(default=plumbing.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("event", models.CharField(max_length=64)),
                ("object", models.SlugField(db_index=False, max_length=60)),
                ("external_id", models.CharField(blank=True, max_length=300)),
                ("how", models.CharField(max_length=8)),
                ("into", models.CharField(blank=True, max_length=300)),
                ("told_at", models.DateTimeField(null=True)),
                ("came_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(null=True)),
                (
                    "bell",
                    tenants.owned.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, to="integrations.bell"),
                ),
                ("tenant", tenants.owned.TenantField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "bell", "event"), name="one_knock_an_event")
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("done_at", None)),
                        fields=["tenant", "bell", "came_at"],
                        name="knock_waiting",
                    ),
                    models.Index(fields=["came_at"], name="knock_age"),
                ],
            },
        ),
        SecureTenantTables(),
        # A vendor names a company or an address, and the tenants' bells must be found; the tick finds those that were rung.
        GrantDispatch(
            "integrations_bell",
            select=(
                "id", "tenant_id", "connector", "environment", "company", "address_hash", "former_hash", "former_until",
                "ring_at", "leased_until", "handed_at",
            ),
            update=("handed_at",),
        ),
        # What is old is looked for over all tenants.
        GrantDispatch("integrations_knock", select=("tenant_id", "came_at")),
        migrations.RunSQL(BELLS, migrations.RunSQL.noop),
    ]  # fmt: skip
