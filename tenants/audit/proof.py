#!/usr/bin/env python3
"""What proves the trail: hashes over events, chained and signed; and the check that names the first entry that is wrong.

Imports nothing of the platform, so that an auditor can read this one file and run it on an export:

    python proof.py export.jsonl --key PUBLIC_KEY [--checkpoint FILE]

Events are gathered in batches. Each event is a leaf, SHA-256(0x00 + its JSON); two nodes are joined as SHA-256(0x01 + left +
right); the root of a batch stands in a **seal**, whose digest, SHA-256(0x02 + its JSON), covers the digest of the seal before
it, and is signed with Ed25519. JSON is written with sorted keys and without blanks, in UTF-8. A seal also says up to which
moment the trail is complete (`closed_through`): an event dated before it and not in a seal was put in afterwards.
"""

import argparse
import hashlib
import hmac
import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIRST = "0" * 64
"""What the first seal names as the one before it."""

ERASED = "audit.payloads_erased"
"""The verb of the event that tells which payloads were erased; its data lists the events as `events`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """A batch of events, closed. Hashes are in hex, moments ISO 8601 in UTC with six decimals and a Z."""

    tenant: str
    number: int
    previous: str
    root: str
    events: Sequence[str]
    leaves: Sequence[bytes]
    latest_at: str
    closed_through: str
    sealed_at: str
    key: str
    digest: str = ""
    signature: str = ""

    def head(self) -> dict[str, Any]:
        """What the digest covers."""
        names = ("tenant", "number", "previous", "root", "latest_at", "closed_through", "sealed_at", "key")
        return {name: getattr(self, name) for name in names} | {"count": len(self.events)}

    def as_json(self) -> dict[str, Any]:
        """The seal as a line of an export holds it."""
        return self.head() | {
            "events": list(self.events),
            "leaves": [leaf.hex() for leaf in self.leaves],
            "digest": self.digest,
            "signature": self.signature,
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "Seal":
        """The seal that an export's line holds. Raises KeyError and ValueError where it is none."""
        kept = {name: plain[name] for name in plain if name not in ("count", "leaves")}
        return cls(**kept, leaves=[bytes.fromhex(leaf) for leaf in plain["leaves"]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far the chain had come, kept outside the database: without it nobody could tell that the end was cut off."""

    tenant: str
    number: int
    digest: str
    signature: str
    key: str


@dataclass(slots=True)
class Verdict:
    """What a check found: how much is proved, and everything that is wrong, the first first."""

    seals: int = 0
    sealed: int = 0
    unsealed: int = 0
    erased: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong


def written(plain: Any) -> bytes:
    """JSON that is the same wherever it is written."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def leaf_of(event: Mapping[str, Any]) -> bytes:
    """The leaf of one event, given as an export holds it (without its payload)."""
    return hashlib.sha256(b"\x00" + written({name: event[name] for name in event if name != "payload"})).digest()


def root_of(leaves: Sequence[bytes]) -> str:
    """The root over the leaves, in hex; an odd one out goes up as it is."""
    level = list(leaves) or [hashlib.sha256(b"").digest()]
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [pair[0] if len(pair) == 1 else hashlib.sha256(b"\x01" + pair[0] + pair[1]).digest() for pair in pairs]
    return level[0].hex()


def digest_of(head: Mapping[str, Any]) -> str:
    """The digest of a seal, in hex."""
    return hashlib.sha256(b"\x02" + written(head)).hexdigest()


def commitment(salt: bytes, payload: Any) -> str:
    """The hash, in hex, by which an event holds to its payload: HMAC-SHA-256 over its JSON, keyed by the salt."""
    return hmac.new(salt, written(payload), hashlib.sha256).hexdigest()


def key_id(public: bytes) -> str:
    """The short name of a signing key, made of its public half."""
    return hashlib.sha256(b"tieout audit key" + public).hexdigest()[:12]


def is_signed(digest: str, signature: str, *, key: str, keys: Mapping[str, bytes]) -> bool:
    """Whether one of the known keys signed the digest; `keys` maps key ids to public keys of 32 bytes."""
    if key not in keys:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(keys[key]).verify(bytes.fromhex(signature), bytes.fromhex(digest))
    except (InvalidSignature, ValueError):
        return False
    return True


class Check:
    """Goes through one tenant's trail in order: each seal with its events, then what is not sealed yet."""

    def __init__(self, *, keys: Mapping[str, bytes], checkpoint: Checkpoint | None = None) -> None:
        self.verdict = Verdict()
        self._keys, self._checkpoint = keys, checkpoint
        self._previous, self._number, self._closed = FIRST, 0, ""
        self._missing_payloads: dict[str, str] = {}
        self._erased: set[str] = set()

    def seal(self, seal: Seal, events: Mapping[str, Mapping[str, Any]]) -> None:
        """The next seal, with those of its events that are there, by their ids."""
        self._chain(seal)
        leaves = []
        if len(seal.leaves) != len(seal.events):
            self._wrong(f"seal {seal.number}: its list of events was altered")
        for position, (event_id, leaf) in enumerate(zip(seal.events, seal.leaves, strict=False)):
            leaves.append(leaf)
            where = f"seal {seal.number}, entry {position + 1}: event {event_id}"
            event = events.get(event_id)
            if event is None:
                self._wrong(f"{where} was removed")
            elif leaf_of(event) != leaf:
                self._wrong(f"{where} ({event['verb']}, {event['at']}) was changed")
            else:
                self._payload(event, where)
        if root_of(leaves) != seal.root:
            self._wrong(f"seal {seal.number}: its list of events was altered")
        self.verdict.seals += 1
        self.verdict.sealed += len(seal.events)

    def unsealed(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Events that are in no seal: those dated after the trail was last closed still wait for theirs."""
        for event in events:
            where = f"event {event['id']} ({event['verb']}, {event['at']})"
            if event["at"] < self._closed:
                self._wrong(f"{where} was put in later: the trail was closed through {self._closed} without it")
            self._payload(event, where)
            self.verdict.unsealed += 1

    def end(self) -> Verdict:
        """The verdict, once everything was shown."""
        for event_id, where in self._missing_payloads.items():
            if event_id in self._erased:
                self.verdict.erased += 1
            else:
                self._wrong(f"{where}: its payload was removed, and no event says that it was erased")
        last = self._checkpoint
        if last is not None and last.number > self._number:
            if is_signed(last.digest, last.signature, key=last.key, keys=self._keys):
                self._wrong(f"the end was cut off: after seal {self._number} there were more, up to seal {last.number}")
            else:
                self._wrong("the checkpoint is not signed with a known key")
        return self.verdict

    def _chain(self, seal: Seal) -> None:
        where = f"seal {seal.number}"
        if seal.number != self._number + 1:
            self._wrong(f"seal {self._number + 1} was removed or moved: after seal {self._number} comes {where}")
        elif seal.previous != self._previous:
            self._wrong(f"{where} does not follow the seal before it")
        if digest_of(seal.head()) != seal.digest:
            self._wrong(f"{where} was changed")
        elif not is_signed(seal.digest, seal.signature, key=seal.key, keys=self._keys):
            self._wrong(f"{where} is not signed with a known key")
        if (
            self._checkpoint is not None
            and self._checkpoint.number == seal.number
            and self._checkpoint.digest != seal.digest
        ):
            self._wrong(f"{where} is not the one that the checkpoint names: the chain was written anew")
        self._previous, self._number = seal.digest, seal.number
        self._closed = max(self._closed, seal.closed_through)

    def _payload(self, event: Mapping[str, Any], where: str) -> None:
        if event["verb"] == ERASED:
            self._erased.update(event["data"].get("events", ()))
        if not event["payload_hash"]:
            return
        payload = event.get("payload")
        if payload is None:
            self._missing_payloads[event["id"]] = where
        elif commitment(bytes.fromhex(payload["salt"]), payload["payload"]) != event["payload_hash"]:
            self._wrong(f"{where}: its payload was changed")

    def _wrong(self, words: str) -> None:
        if words not in self.verdict.wrong:
            self.verdict.wrong.append(words)


def check_export(lines: Iterable[str], *, keys: Collection[bytes], checkpoint: Checkpoint | None = None) -> Verdict:
    """The verdict on an export: a JSON line for each seal after its events' lines, then the events not sealed yet.

    Raises ValueError, with the line's number, for a line that is none.
    """
    check = Check(keys={key_id(key): key for key in keys}, checkpoint=checkpoint)
    events: dict[str, Mapping[str, Any]] = {}
    for kind, plain in _parsed(lines):
        if kind == "event":
            events[plain["id"]] = plain
        else:
            seal = Seal.from_json(plain)
            check.seal(seal, {each: events.pop(each) for each in seal.events if each in events})
    check.unsealed(events.values())
    return check.end()


def _parsed(lines: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        try:
            plain = json.loads(line)
            kind = next(iter(plain.keys() & {"event", "seal"}))
            yield kind, plain[kind]
        except (ValueError, StopIteration, AttributeError):
            raise ValueError(f"line {number} is neither an event nor a seal") from None


def main() -> int:
    """Check an export from the command line: 0 where all is proved, 1 where something is wrong."""
    parser = argparse.ArgumentParser(description="Checks an export of a Tieout audit trail.")
    parser.add_argument("export", help="what `manage.py export_audit` wrote")
    parser.add_argument("--key", action="append", required=True, help="a public key, in hex")
    parser.add_argument("--checkpoint", help="a checkpoint that was kept outside the database")
    chosen = parser.parse_args()
    checkpoint = None
    if chosen.checkpoint:
        with open(chosen.checkpoint, encoding="utf-8") as kept:
            checkpoint = Checkpoint(**json.load(kept))
    with open(chosen.export, encoding="utf-8") as lines:
        verdict = check_export(lines, keys=[bytes.fromhex(key) for key in chosen.key], checkpoint=checkpoint)
    sys.stdout.write(told(verdict) + "\n")
    return 0 if verdict.is_good else 1


def told(verdict: Verdict) -> str:
    """The verdict in words."""
    counts = f"{verdict.sealed} events in {verdict.seals} seals, {verdict.unsealed} not sealed yet"
    counts += f", {verdict.erased} payloads erased as recorded" if verdict.erased else ""
    if verdict.is_good:
        return f"Good: {counts}."
    return "\n".join([f"WRONG, first: {verdict.wrong[0]}", *(f"then: {each}" for each in verdict.wrong[1:20]), counts])


if __name__ == "__main__":
    sys.exit(main())
