from django.apps import AppConfig


class Installation(AppConfig):
    """This installation as a whole: it has no tables, only checks."""

    name = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401  (registers itself)
