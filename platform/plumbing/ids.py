"""Keys of our own rows."""

from uuid import UUID

from uuid_utils import compat


def new_id() -> UUID:
    """A UUIDv7: unique everywhere, and rising with time so that new rows lie together."""
    return compat.uuid7()
