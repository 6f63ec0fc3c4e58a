"""All connectors, found by looking: every package beside this file whose connector.py says CONNECTOR."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from integrations.canonical.kinds import KINDS
from integrations.wire.connector import Connector


class MalformedConnector(Exception):
    """A connector's folder does not hold what it must; the message says where and what."""


def connector(slug: str) -> Connector:
    """The connector of that slug. Raises LookupError that names those there are."""
    try:
        return connectors()[slug]
    except KeyError:
        raise LookupError(f"There is no connector {slug!r}; there are {', '.join(connectors())}.") from None


@cache
def connectors() -> Mapping[str, Connector]:
    """Every connector by its slug, in the order of their names. Raises MalformedConnector."""
    return found_in(str(Path(__file__).parent), __package__ or "")


def found_in(folder: str, package: str) -> Mapping[str, Connector]:
    """The connectors of the packages in a folder. Raises MalformedConnector."""
    found = [
        _load(module.name, f"{package}.{module.name}.connector")
        for module in pkgutil.iter_modules([folder])
        if module.ispkg and (Path(folder) / module.name / "connector.py").is_file()
    ]
    return MappingProxyType({each.slug: each for each in sorted(found, key=lambda each: each.name.lower())})


def _load(slug: str, module: str) -> Connector:
    try:
        loaded = importlib.import_module(module)
    except Exception as error:
        raise MalformedConnector(f"{module} cannot be loaded: {type(error).__name__}: {error}") from error
    candidate = getattr(loaded, "CONNECTOR", None)
    if not isinstance(candidate, Connector):
        raise MalformedConnector(f"{module} must say CONNECTOR = Connector(...); it says {candidate!r}.")
    if faults := list(_faults(candidate, slug)):
        raise MalformedConnector(f"{module} must be corrected: {'; '.join(faults)}.")
    return candidate


def _faults(candidate: Connector, slug: str) -> Iterable[str]:
    if candidate.slug != slug:
        yield f"its slug is {candidate.slug!r} but its folder {slug!r}"
    if not candidate.environments:
        yield "it names no environment"
    if not candidate.streams:
        yield "it has no stream"
    names = [stream.name for stream in candidate.streams]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two streams are called {name!r}"
    for stream in candidate.streams:
        if stream.kind not in KINDS:
            yield f"the stream {stream.name!r} is of the unknown kind {stream.kind!r}"
        elif stream.shape.record_type is not KINDS[stream.kind]:
            yield f"the shape of {stream.name!r} makes {stream.shape.record_type.__name__}, not a {stream.kind}"
        if not stream.reads and not stream.writes:
            yield f"the stream {stream.name!r} neither reads nor writes"
    entries = [setting.name for setting in (*candidate.settings, *candidate.secrets)]
    for name in sorted({name for name in entries if entries.count(name) > 1}):
        yield f"two settings are called {name!r}"
