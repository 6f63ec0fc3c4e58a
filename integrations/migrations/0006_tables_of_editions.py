from django.db import migrations, models

from plumbing.rowlevel import SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [("integrations", "0005_found_by_columns")]

    operations = [
        migrations.AddField(
            model_name="mappingedition",
            name="tables",
            field=models.JSONField(default=dict),
        ),
        SecureTenantTables(),
    ]
