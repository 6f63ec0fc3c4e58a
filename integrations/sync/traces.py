"""Traces of a person: the texts by which they are found in what is kept, however a payload writes them. Pure."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

ERASED = "[data erased]"
"""What stands where something of a person stood. Nothing that holds it is ever sent to a vendor."""

PARTIES = ("customer", "vendor", "sales_rep")

SHORTEST = 3  # what is shorter is no trace
TELLING = 8
ADDRESSES = ("billing_address", "shipping_address")
LINES = ("attention", "line1", "line2", "line3", "phone")
PLACES = ("city", "region", "postal_code")

# In PostgreSQL's words: nothing of another word goes before (but for what stands for a line break or the like), nor after.
BEFORE = r"(?:(?<=\\[nrt])|(?<=%[0-9a-f][0-9a-f])|(?<=\\u[0-9a-f]{4})|(?<![[:alnum:]]))"
AFTER = r'(?![[:alnum:]])(?!"\s*:)'  # nor is it the name of a member


@dataclass
class Traces:
    """What is known of a person, by how surely it is theirs alone."""

    # Names and mail addresses: theirs, wherever they stand.
    names: set[str] = field(default_factory=set)
    mails: set[str] = field(default_factory=set)
    # Streets, telephones and numbers: theirs, or their household's.
    addresses: set[str] = field(default_factory=set)
    # Towns, first names, notes and the like: theirs only in what is about them.
    details: set[str] = field(default_factory=set)

    def add(self, said: Mapping[str, Any]) -> None:
        """Take in what one of their own records says, as plain values; what is not of its form says nothing."""
        given, family = said.get("given_name"), said.get("family_name")
        if isinstance(given, str) and isinstance(family, str):
            self._take(self.names, f"{given} {family}", f"{family} {given}", f"{family}, {given}")
        self._take(self.names, said.get("name"), said.get("legal_name"))
        self._take(self.mails, said.get("email"))
        self._take(self.addresses, said.get("phone"), said.get("website"), said.get("registration_number"))
        self._take(self.addresses, *(each.get("value") for each in _parts(said.get("tax_ids"))))
        self._take(self.details, given, family, said.get("notes"))
        for text in _texts(said.get("extra", {})):  # a street may be among what we do not map
            self._take(self.addresses if _is_telling(text) else self.details, text)
        for address in _parts([said.get(name) for name in ADDRESSES]):
            self._take(self.addresses, *(address.get(name) for name in LINES))
            self._take(self.details, *(address.get(name) for name in PLACES))
        for contact in _parts(said.get("contacts")):
            self._take(self.names, contact.get("name"))
            self._take(self.mails, contact.get("email"))
            self._take(self.addresses, contact.get("phone"))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing by which they could be found."""
        return not (self.names or self.mails)

    def _take(self, where: set[str], *texts: Any) -> None:
        where.update(
            text.strip() for text in texts if isinstance(text, str) and len(text.strip()) >= SHORTEST and text != ERASED
        )


def pattern(texts: Iterable[str]) -> str:
    """A regular expression of PostgreSQL that finds any of these, whatever its case, as JSON, XML and addresses write it."""
    written = {variant for text in texts for variant in variants(text)}
    if not written:
        return "(?=a)b"  # finds nothing
    longest_first = sorted(written, key=lambda text: (-len(text), text))
    return f"{BEFORE}(?:{'|'.join(map(_literal, longest_first))}){AFTER}"


def variants(text: str) -> set[str]:
    """The ways in which a payload may write a text."""
    plain = {text, " ".join(text.split()), " ".join(text.casefold().split())}
    return {
        way(each)
        for each in plain
        for way in (
            str,
            lambda one: json.dumps(one)[1:-1],
            lambda one: json.dumps(one, ensure_ascii=False)[1:-1],
            lambda one: one.replace("/", "\\/"),
            escape,
            lambda one: html.escape(one),
            quote,
            quote_plus,
        )
    }


def _literal(text: str) -> str:
    return re.escape(text).replace("\\ ", "\\s+")


def _is_telling(text: str) -> bool:
    """Whether a text is long and odd enough to be about few."""
    return len(text) >= TELLING and any(letter.isspace() or letter.isdigit() for letter in text)


def _parts(values: Any) -> list[Mapping[str, Any]]:
    return [each for each in values if isinstance(each, Mapping)] if isinstance(values, list) else []


def _texts(value: Any) -> Iterator[str]:
    """The texts among nested values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
