"""Records of a list stay as they came until somebody looks into them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from integrations.canonical.kinds import KINDS
from integrations.wire.errors import ShapeError
from integrations.wire.shape import F, Shape
from integrations.wire.undecoded import Undecoded, member, opened

CONTACT: Shape[Any] = Shape(KINDS["customer"], key="meta.id", fields=(F("name", "name"),))
ODD: Shape[Any] = Shape(
    KINDS["customer"], key=F("external_id", "", read=lambda raw: raw["a"] + raw["b"], write=None), fields=()
)


def test_only_the_list_at_its_place_stays_undecoded() -> None:
    body = opened(b' {"page": {"rows": [ {"id": 1.50}, {"id": 2} ], "next": "x"}, "rows": [3.1]}', ["page", "rows"])

    rows = body["page"]["rows"]
    assert isinstance(rows, Undecoded)
    assert [bytes(text) for text in rows.texts] == [b'{"id": 1.50}', b'{"id": 2}']
    assert list(rows) == [{"id": Decimal("1.50")}, {"id": 2}]
    assert (body["page"]["next"], body["rows"]) == ("x", [Decimal("3.1")])


@pytest.mark.parametrize("text", [b'{"rows": [1]}', b'{"rows": null}', b'{"rows": {"a": 1}}', b"{}", b"[1]", b"7"])
def test_what_is_no_list_of_objects_is_decoded_as_usual(text: bytes) -> None:
    assert opened(text, ["rows"]) == msgspec.json.decode(text)


def test_a_member_is_found_at_its_path_or_not_at_all() -> None:
    id_of = member(["meta", "id"])

    assert id_of(b'{"name": "A", "meta": {"x": [1], "id": "7"}}') == "7"
    assert id_of(b'{"meta": {}}') is id_of(b"{}") is None
    with pytest.raises(msgspec.DecodeError):
        id_of(b'{"meta": "?"}')


@pytest.mark.parametrize(
    ("text", "id"), [(b'{"meta": {"id": "7"}}', "7"), (b'{"meta": {"id": 7}, "name": "\xff"}', "7")]
)
def test_an_id_is_read_without_the_rest(text: bytes, id: str) -> None:
    assert CONTACT.external_id(msgspec.Raw(text)) == id


def test_an_id_made_of_several_members_is_read_from_the_whole() -> None:
    assert ODD.external_id(msgspec.Raw(b'{"a": "1", "b": "2"}')) == "12"


@pytest.mark.parametrize("text", [b'{"meta": "?"}', b'{"name": "A"}', b"[1]", b"{"])
def test_a_payload_without_an_id_is_refused_in_the_usual_words(text: bytes) -> None:
    with pytest.raises(ShapeError):
        CONTACT.external_id(msgspec.Raw(text))
