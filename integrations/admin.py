"""An index of the admin door: importing it registers every page."""

from integrations.doors.admin import site

__all__ = ("site",)
