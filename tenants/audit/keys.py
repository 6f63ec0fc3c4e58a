"""The keys that sign the trail: Ed25519, kept outside the database, so that not even its owner can write the past anew."""

import base64
import functools
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from tenants.audit.proof import key_id


class BadKey(ValueError):
    """An audit key is not 32 bytes in URL-safe base64, or there is none."""


@dataclass(frozen=True)
class Key:
    """One key of TIEOUT_AUDIT_KEYS: signs, and is told by the id of its public half."""

    id: str
    public: bytes
    private: Ed25519PrivateKey

    @classmethod
    def parse(cls, text: str) -> "Key":
        try:
            raw = base64.b64decode(text, altchars=b"-_", validate=True)
        except ValueError:
            raw = b""
        if len(raw) != 32:
            raise BadKey("An audit key is not 32 bytes in URL-safe base64.")
        private = Ed25519PrivateKey.from_private_bytes(raw)
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return cls(key_id(public), public, private)

    def sign(self, digest: str) -> str:
        """The signature, in hex, over a digest in hex."""
        return self.private.sign(bytes.fromhex(digest)).hex()


def ring() -> tuple[Key, ...]:
    """The keys of TIEOUT_AUDIT_KEYS: the first signs, all of them verify. Raises BadKey."""
    return _ring(tuple(settings.AUDIT_KEYS))


def public_keys() -> dict[str, bytes]:
    """Key id → public key, of every key whose signature counts."""
    return {key.id: key.public for key in ring()}


@functools.lru_cache
def _ring(keys: tuple[str, ...]) -> tuple[Key, ...]:
    if not keys:
        raise BadKey("There is no audit key.")
    return tuple(Key.parse(key) for key in keys)
