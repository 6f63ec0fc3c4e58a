from django.db import migrations, models

from plumbing.rowlevel import GrantDispatch


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0008_plans_and_absence"),
    ]

    operations = [
        migrations.AddField("connection", "refresh_expires_at", models.DateTimeField(editable=False, null=True)),
        migrations.AddField("connection", "renew_at", models.DateTimeField(editable=False, null=True)),
        migrations.AddField("connection", "renewing_since", models.DateTimeField(editable=False, null=True)),
        migrations.AddField("connection", "told_at", models.DateTimeField(editable=False, null=True)),
        migrations.AddField("run", "stalled_at", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "connection",
            models.Index(
                condition=models.Q(("renew_at__isnull", False)), fields=["renew_at"], name="connection_to_renew"
            ),
        ),
        migrations.AddIndex(
            "connection",
            models.Index(condition=models.Q(("state", "consent_lost")), fields=["state"], name="connection_lost"),
        ),
        migrations.AddIndex(
            "connection",
            models.Index(condition=models.Q(("told_at__isnull", False)), fields=["told_at"], name="connection_told"),
        ),
        # The tick looks over all tenants for what is to be refreshed and whom to tell.
        GrantDispatch(
            "integrations_connection",
            select=("id", "tenant_id", "state", "renew_at", "told_at"),
            update=("renew_at",),
        ),
        # One moment stood for both ends till now: the earlier, which as good as always is that of the refresh token.
        # Refreshed within a day, every grant has both.
        migrations.RunSQL(
            "UPDATE integrations_connection SET refresh_expires_at = grant_expires_at, renew_at = now() + random() * interval '1 day', "
            "grant_expires_at = NULL WHERE grant_expires_at IS NOT NULL",
            migrations.RunSQL.noop,
        ),
    ]
