"""Who may do what on these pages: asked of the standing in the session's tenant, and of nothing else."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied

from tenants import audit


def may(request: Any, verb: str) -> bool:
    """Whether the person may do this in the session's tenant."""
    return request.standing is not None and request.standing.may(verb)


def check(request: Any, verb: str) -> None:
    """Raises PermissionDenied where the person may not do this in the session's tenant."""
    if not may(request, verb):
        raise PermissionDenied(f"Your role does not include {verb}.")


def is_operator(request: Any) -> bool:
    """Whether the person runs this installation: they see what belongs to no tenant."""
    return bool(request.user.is_active and request.user.is_superuser)


def note_support(request: Any, what: Any) -> None:
    """A supporter's look at something of a tenant stands in the tenant's own trail."""
    if request.standing is None or request.standing.role != "support" or request.method != "GET":
        return
    noted = request.__dict__.setdefault("_looked_at", set())
    if (name := str(getattr(what, "pk", what))) not in noted:
        noted.add(name)
        audit.record("support.looked", subject=what, actor=request.user)
