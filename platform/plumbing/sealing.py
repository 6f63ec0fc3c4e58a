"""Secrets at rest: sealed with AES-256-GCM under the newest key, opened with any key of the ring, never shown by accident.

A sealed text reads `s1.<key id>.<nonce and ciphertext>`, so that it is always known which key opens it. It is bound to the
place it was sealed for (`table.column`): moved elsewhere, it does not open.
"""

import base64
import functools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django import forms
from django.conf import settings
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from plumbing import masking

VERSION = "s1"


class BadKey(ValueError):
    """A sealing key is not 32 bytes in URL-safe base64, or there is none."""


class CannotOpen(Exception):
    """A sealed value was altered, moved, or sealed with a key that is not on the ring."""


@dataclass(frozen=True)
class Key:
    """One key of the ring, with the id by which sealed values name it."""

    id: str
    cipher: AESGCM

    @classmethod
    def parse(cls, text: str) -> "Key":
        try:
            raw = base64.b64decode(text, altchars=b"-_", validate=True)
        except ValueError:
            raw = b""
        if len(raw) != 32:
            raise BadKey("A sealing key is not 32 bytes in URL-safe base64.")
        return cls(sha256(b"tieout key id" + raw).hexdigest()[:12], AESGCM(raw))


def keyring() -> tuple[Key, ...]:
    """The keys of TIEOUT_SEALING_KEYS, the sealing one first."""
    return _keyring(tuple(settings.SEALING_KEYS))


@functools.lru_cache
def _keyring(keys: tuple[str, ...]) -> tuple[Key, ...]:
    if not keys:
        raise BadKey("There is no sealing key.")
    return tuple(Key.parse(key) for key in keys)


def seal(plain: str, *, place: str) -> str:
    """The text sealed with the newest key for this place."""
    key, nonce = keyring()[0], os.urandom(12)
    sealed = nonce + key.cipher.encrypt(nonce, plain.encode(), place.encode())
    return f"{VERSION}.{key.id}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"


def unseal(sealed: str, *, place: str) -> str:
    """The text that was sealed for this place; raises CannotOpen."""
    try:
        version, key_id, body = sealed.split(".")
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise CannotOpen(f"What is stored in {place} is not a sealed value.") from None
    key = next((key for key in keyring() if key.id == key_id), None)
    if version != VERSION or key is None:
        raise CannotOpen(f"A value in {place} is sealed with key {key_id}, which TIEOUT_SEALING_KEYS does not hold.")
    try:
        return key.cipher.decrypt(raw[:12], raw[12:], place.encode()).decode()
    except InvalidTag:
        raise CannotOpen(f"A value in {place} was altered, or sealed for another place.") from None


def renewed(sealed: str, *, place: str) -> str:
    """The same text sealed with the newest key; as it is where that is so already. Raises CannotOpen."""
    if sealed.startswith(f"{VERSION}.{keyring()[0].id}."):
        return sealed
    return seal(unseal(sealed, place=place), place=place)


class Secret:
    """A value that shows itself only to who asks with `reveal()`; from then on the logs mask it too."""

    __slots__ = ("_place", "_sealed", "_value")

    def __init__(self, value: Any = None, *, sealed: str | None = None, place: str = "") -> None:
        self._value, self._sealed, self._place = value, sealed, place

    def reveal(self) -> Any:
        """The value: text, number, list or dict, a copy of one's own."""
        plain = self._value if self._sealed is None else json.loads(unseal(self._sealed, place=self._place))
        for text in _texts(plain):
            masking.remember(text)
        return json.loads(json.dumps(plain))

    def sealed_for(self, place: str) -> str:
        """The value sealed for this place; what is sealed for it already stays as it is."""
        if self._sealed is not None and self._place == place:
            return self._sealed
        return seal(json.dumps(self.reveal()), place=place)

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"Secret({masking.MASK})"

    __str__ = __repr__

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: Any) -> "Secret":
        return self

    def __reduce__(self) -> Any:
        raise TypeError("A secret is not put into queues, caches or files.")


if TYPE_CHECKING:
    _TextField = models.TextField[Any, Secret]
else:
    _TextField = models.TextField


class _SecretAttribute(DeferredAttribute):
    """Wraps whatever is assigned, so that the plain value never lies in the instance for a debugger to print."""

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value if value is None or isinstance(value, Secret) else Secret(value)


class SealedField(_TextField):
    """Text or JSON that is stored sealed. Reads as a `Secret`; assign a plain value or a Secret."""

    # For django-stubs: what may be assigned, and what is read.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Secret  # type: ignore[assignment]  # a text in the table, not in Python

    descriptor_class = _SecretAttribute

    @property
    def place(self) -> str:
        """What a sealed value of this field is bound to."""
        return f"{self.model._meta.db_table}.{self.column}"

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Secret | None:
        return None if value is None else Secret(sealed=value, place=self.place)

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> str | None:
        if value is None:
            return None
        return (value if isinstance(value, Secret) else Secret(value)).sealed_for(self.place)

    def get_lookup(self, lookup_name: str) -> Any:
        # The same value is sealed differently each time: comparing could only ever mislead.
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def formfield(self, **kwargs: Any) -> Any:
        # What is stored is never sent to a browser; an empty input leaves it as it is.
        widget = forms.PasswordInput(attrs={"autocomplete": "off"})
        return forms.CharField(widget=widget, required=False, label=kwargs.get("label") or self.verbose_name)

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        if data:
            super().save_form_data(instance, data)

    def value_to_string(self, obj: models.Model) -> str:
        raise TypeError(f"{self.place} is sealed and is not written to a fixture.")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _texts(member)
