from django.db import migrations, models

# One row for each ledger, whichever tenants share it. The application can only add an empty one; what was spent is for
# dispatch to read and to write, by the key, so that no query of a tenant's ever sees which ledgers there are.
SHUT = """
REVOKE ALL ON integrations_budget FROM PUBLIC, tieout_app;
GRANT INSERT ON integrations_budget TO tieout_app;
GRANT SELECT (id, version, state), UPDATE (version, state) ON integrations_budget TO tieout_dispatch;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0012_knocks"),
    ]

    operations = [
        migrations.DeleteModel(name="Budget"),
        migrations.CreateModel(
            name="Budget",
            fields=[
                ("id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("version", models.BigIntegerField(default=0)),
                ("state", models.BinaryField(default=bytes)),
            ],
        ),
        migrations.RunSQL(SHUT, migrations.RunSQL.noop),
    ]
