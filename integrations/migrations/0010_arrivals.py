import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import plumbing.ids
import tenants.owned
from plumbing.rowlevel import GrantDispatch, SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0009_grants_kept_alive"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.AddField("flow", "counted_no", models.BigIntegerField(editable=False, null=True)),
        migrations.AddField("issue", "alert", models.BooleanField(default=False)),
        migrations.AddField("issue", "told_at", models.DateTimeField(null=True)),
        migrations.AlterField(
            "run",
            "colour",
            models.CharField(
                blank=True,
                choices=[
                    ("", "not known yet"),
                    ("green", "tied out"),
                    ("amber", "something needs a look"),
                    ("red", "does not tie out"),
                ],
                default="",
                max_length=8,
            ),
        ),
        migrations.CreateModel(
            name="Arrivals",
            fields=[
                (
                    "id",
                    models.UUIDField(default=plumbing.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("day", models.DateField()),
                (
                    "hours",
                    django.contrib.postgres.fields.ArrayField(base_field=models.PositiveIntegerField(), size=24),
                ),
                (
                    "flow",
                    tenants.owned.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, to="integrations.flow"),
                ),
                ("tenant", tenants.owned.TenantField()),
            ],
            options={
                "verbose_name_plural": "arrivals",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("tenant", "flow", "day"), name="one_day_of_arrivals")],
            },
        ),
        migrations.AddIndex(
            "issue",
            models.Index(
                condition=models.Q(("alert", True), ("state", "open"), ("told_at", None)),
                fields=["opened_at"],
                name="issue_to_tell",
            ),
        ),
        SecureTenantTables(),
        # The tick looks over all tenants for whom there is something to tell.
        GrantDispatch("integrations_issue", select=("tenant_id", "state", "alert", "told_at", "opened_at")),
    ]
