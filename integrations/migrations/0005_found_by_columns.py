import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import plumbing.ids
import tenants.owned
from plumbing.rowlevel import SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0004_publications"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Sighting",
            fields=[
                (
                    "id",
                    models.UUIDField(default=plumbing.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("object", models.SlugField(db_index=False, max_length=60)),
                ("sweep", models.BigIntegerField()),
                ("read_at", models.DateTimeField()),
                (
                    "external_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=300), size=None),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.RemoveField(
            model_name="record",
            name="fingerprint",
        ),
        migrations.AddField(
            model_name="record",
            name="by_amount",
            field=models.CharField(db_collation="C", editable=False, max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="record",
            name="by_code",
            field=models.CharField(db_collation="C", editable=False, max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="record",
            name="by_email",
            field=models.CharField(db_collation="C", editable=False, max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="record",
            name="by_legal_name",
            field=models.CharField(db_collation="C", editable=False, max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="record",
            name="by_name",
            field=models.CharField(db_collation="C", editable=False, max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="record",
            name="by_number",
            field=models.CharField(db_collation="C", editable=False, max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="record",
            name="by_po_number",
            field=models.CharField(db_collation="C", editable=False, max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="record",
            name="by_reference",
            field=models.CharField(db_collation="C", editable=False, max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="record",
            name="by_sku",
            field=models.CharField(db_collation="C", editable=False, max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="record",
            name="by_total",
            field=models.CharField(db_collation="C", editable=False, max_length=200, null=True),
        ),
        migrations.AlterField(
            model_name="agreement",
            name="tenant",
            field=tenants.owned.TenantField(db_constraint=False),
        ),
        migrations.AlterField(
            model_name="apart",
            name="object",
            field=models.SlugField(db_index=False, max_length=60),
        ),
        migrations.AlterField(
            model_name="call",
            name="object",
            field=models.SlugField(db_index=False, max_length=60),
        ),
        migrations.AlterField(
            model_name="call",
            name="tenant",
            field=tenants.owned.TenantField(db_constraint=False),
        ),
        migrations.AlterField(
            model_name="callintent",
            name="tenant",
            field=tenants.owned.TenantField(db_constraint=False),
        ),
        migrations.AlterField(
            model_name="flow",
            name="source_object",
            field=models.SlugField(db_index=False, max_length=60),
        ),
        migrations.AlterField(
            model_name="flow",
            name="target_object",
            field=models.SlugField(db_index=False, max_length=60),
        ),
        migrations.AlterField(
            model_name="identity",
            name="kind",
            field=models.SlugField(db_index=False, max_length=40),
        ),
        migrations.AlterField(
            model_name="intent",
            name="object",
            field=models.SlugField(db_index=False, max_length=60),
        ),
        migrations.AlterField(
            model_name="intent",
            name="tenant",
            field=tenants.owned.TenantField(db_constraint=False),
        ),
        migrations.AlterField(
            model_name="issue",
            name="code",
            field=models.SlugField(db_index=False, max_length=60),
        ),
        migrations.AlterField(
            model_name="issue",
            name="object",
            field=models.SlugField(blank=True, db_index=False, max_length=60),
        ),
        migrations.AlterField(
            model_name="item",
            name="tenant",
            field=tenants.owned.TenantField(db_constraint=False),
        ),
        migrations.AlterField(
            model_name="link",
            name="object",
            field=models.SlugField(db_index=False, max_length=60),
        ),
        migrations.AlterField(
            model_name="link",
            name="tenant",
            field=tenants.owned.TenantField(db_constraint=False),
        ),
        migrations.AlterField(
            model_name="mapping",
            name="kind_from",
            field=models.SlugField(db_index=False, max_length=40),
        ),
        migrations.AlterField(
            model_name="mapping",
            name="kind_to",
            field=models.SlugField(db_index=False, max_length=40),
        ),
        migrations.AlterField(
            model_name="origin",
            name="role",
            field=models.SlugField(db_index=False, max_length=60),
        ),
        migrations.AlterField(
            model_name="record",
            name="kind",
            field=models.SlugField(db_index=False, max_length=40),
        ),
        migrations.AlterField(
            model_name="record",
            name="object",
            field=models.SlugField(db_index=False, max_length=60),
        ),
        migrations.AlterField(
            model_name="record",
            name="tenant",
            field=tenants.owned.TenantField(db_constraint=False),
        ),
        migrations.AlterField(
            model_name="stream",
            name="object",
            field=models.SlugField(db_index=False, max_length=60),
        ),
        migrations.AddIndex(
            model_name="record",
            index=models.Index(fields=["tenant", "external_id"], name="record_by_id"),
        ),
        migrations.AddIndex(
            model_name="record",
            index=models.Index(
                condition=models.Q(("by_number__isnull", False)),
                fields=["tenant", "by_number"],
                name="record_by_number",
            ),
        ),
        migrations.AddIndex(
            model_name="record",
            index=models.Index(
                condition=models.Q(("by_name__isnull", False)), fields=["tenant", "by_name"], name="record_by_name"
            ),
        ),
        migrations.AddIndex(
            model_name="record",
            index=models.Index(
                condition=models.Q(("by_legal_name__isnull", False)),
                fields=["tenant", "by_legal_name"],
                name="record_by_legal_name",
            ),
        ),
        migrations.AddIndex(
            model_name="record",
            index=models.Index(
                condition=models.Q(("by_sku__isnull", False)), fields=["tenant", "by_sku"], name="record_by_sku"
            ),
        ),
        migrations.AddIndex(
            model_name="record",
            index=models.Index(
                condition=models.Q(("by_code__isnull", False)), fields=["tenant", "by_code"], name="record_by_code"
            ),
        ),
        migrations.AddIndex(
            model_name="record",
            index=models.Index(
                condition=models.Q(("by_email__isnull", False)), fields=["tenant", "by_email"], name="record_by_email"
            ),
        ),
        migrations.AddIndex(
            model_name="record",
            index=models.Index(
                condition=models.Q(("by_reference__isnull", False)),
                fields=["tenant", "by_reference"],
                name="record_by_reference",
            ),
        ),
        migrations.AddIndex(
            model_name="record",
            index=models.Index(
                condition=models.Q(("by_po_number__isnull", False)),
                fields=["tenant", "by_po_number"],
                name="record_by_po_number",
            ),
        ),
        migrations.AddIndex(
            model_name="record",
            index=models.Index(
                condition=models.Q(("by_total__isnull", False)), fields=["tenant", "by_total"], name="record_by_total"
            ),
        ),
        migrations.AddIndex(
            model_name="record",
            index=models.Index(
                condition=models.Q(("by_amount__isnull", False)),
                fields=["tenant", "by_amount"],
                name="record_by_amount",
            ),
        ),
        migrations.AddField(
            model_name="sighting",
            name="connection",
            field=tenants.owned.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE, to="integrations.connection"
            ),
        ),
        migrations.AddField(
            model_name="sighting",
            name="tenant",
            field=tenants.owned.TenantField(db_constraint=False),
        ),
        migrations.DeleteModel(
            name="SearchTerm",
        ),
        migrations.AddIndex(
            model_name="sighting",
            index=models.Index(fields=["tenant", "connection", "object", "read_at"], name="sighting_time"),
        ),
        SecureTenantTables(),
        # What is held already gets its words by being read again.
        migrations.RunSQL(
            "UPDATE integrations_record SET edition = 0; UPDATE integrations_stream SET edition = 0",
            migrations.RunSQL.noop,
        ),
    ]
