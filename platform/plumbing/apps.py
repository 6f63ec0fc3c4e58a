from typing import Any

from django.apps import AppConfig
from django.core.signals import request_started


class PlumbingConfig(AppConfig):
    name = "plumbing"
    verbose_name = "Plumbing"

    def ready(self) -> None:
        from django_q.signals import pre_execute

        from plumbing import scope

        def forget_scope(**kwargs: Any) -> None:
            scope.forget()

        # Threads and workers are kept; whatever the last request or task left behind must not reach the next.
        request_started.connect(forget_scope, dispatch_uid="plumbing.scope", weak=False)
        pre_execute.connect(forget_scope, dispatch_uid="plumbing.scope", weak=False)
