from django.core.management.commands import migrate

from plumbing.management.owner import OwnerCommand


class Command(OwnerCommand, migrate.Command):
    """Django's migrate, as the owner of the tables."""
