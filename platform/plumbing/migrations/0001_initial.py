from django.db import migrations, models

from plumbing.rowlevel import SCOPE_FUNCTION


class Migration(migrations.Migration):
    initial = True

    operations = [
        migrations.RunSQL(SCOPE_FUNCTION, "DROP FUNCTION tieout_tenant()"),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
            ],
        ),
    ]
