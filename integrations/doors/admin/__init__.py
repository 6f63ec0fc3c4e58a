"""The admin door: pages for the people of a tenant, for those who support them, and for the operator."""

from integrations.doors.admin import (  # noqa: F401  (each registers its pages)
    calls,
    connections,
    flows,
    issues,
    items,
    mappings,
    people,
    periods,
    records,
    runs,
    templates,
    trail,
)
from integrations.doors.admin.site import site

__all__ = ("site",)
