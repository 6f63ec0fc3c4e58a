import django.contrib.postgres.fields
from django.db import migrations, models

import plumbing.ids
import tenants.owned
from plumbing.rowlevel import SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0013_budget_of_a_ledger"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ErasedPerson",
            fields=[
                (
                    "id",
                    models.UUIDField(default=plumbing.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("identity_id", models.UUIDField()),
                (
                    "digests",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), size=None),
                ),
                ("erased_at", models.DateTimeField()),
                ("looked_at", models.DateTimeField()),
                ("tenant", tenants.owned.TenantField()),
            ],
            options={
                "ordering": ("-erased_at",),
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("tenant", "identity_id"), name="one_erasure")],
            },
        ),
        SecureTenantTables(),
    ]
