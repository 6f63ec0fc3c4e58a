"""What an event says, in two parts: figures and ids, which stand for ever, and texts in which anybody may be named."""

from collections.abc import Mapping
from typing import Any

# Under these names the data of an event holds free texts, however deep they stand.
FREE_TEXTS = frozenset({"words", "explanation", "differences", "candidates", "why", "note"})


def split(data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The data without its free texts, and these, each where it stood. What is empty tells nothing and stays."""
    rest, texts = {}, {}
    for name, value in data.items():
        if name in FREE_TEXTS and value:
            texts[name] = value
        elif isinstance(value, Mapping):
            rest[name], inner = split(value)
            if inner:
                texts[name] = inner
        else:
            rest[name] = value
    return rest, texts


def whole(data: Mapping[str, Any], texts: Mapping[str, Any]) -> dict[str, Any]:
    """The data with its free texts, as far as they were not erased."""
    found = dict(data)
    for name, value in texts.items():
        standing = found.get(name)
        if isinstance(standing, Mapping) and isinstance(value, Mapping):
            found[name] = whole(standing, value)
        else:
            found[name] = value
    return found
