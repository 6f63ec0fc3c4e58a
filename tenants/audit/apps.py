from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "tenants.audit"
    label = "audit"
    verbose_name = "Audit trail"

    def ready(self) -> None:
        from tenants.audit import partitions

        def make_months(*, using: str, **kwargs: Any) -> None:
            partitions.make_months(using)

        post_migrate.connect(make_months, sender=self, dispatch_uid="audit.make_months", weak=False)
