from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        post_migrate.connect(publish_templates, sender=self)


def publish_templates(using: str, **_: Any) -> None:
    """A new version of the product brings its templates along."""
    from integrations.mapping.services import publish_shipped

    publish_shipped(using=using)
