"""The server's contract as a judge: what is wrong with a call or an answer of the external API, in sentences.

`problems(model, method, args, kwargs)` judges what a client calls, `answer_problems(...)` what the server answers, and
`envelope_problems(body)` a JSON-RPC answer as a whole. Fields, types, selections and methods are those read from the source of
version 17 (or 16); what stands there by hand is after the dossier.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SPECS = Path(__file__).parents[4] / "shared" / "specs" / "odoo"
needs_contract = pytest.mark.skipif(not SPECS.is_dir(), reason="left out: shared/ is not beside the project")

GENERIC = frozenset(
    ["search", "search_read", "search_count", "read", "create", "write", "unlink", "fields_get", "name_search", "name_get",
     "name_create", "default_get", "check_access_rights", "exists", "copy", "read_group", "load", "message_post"]
)  # fmt: skip
# Every record has these; the last ones come from mixins that the contract does not expand.
COMMON = {
    "id": {"type": "integer"}, "display_name": {"type": "char"}, "create_date": {"type": "datetime"},
    "write_date": {"type": "datetime"}, "create_uid": {"type": "many2one", "relation": "res.users"},
    "write_uid": {"type": "many2one", "relation": "res.users"}, "message_ids": {"type": "one2many"},
    "analytic_distribution": {"type": "json"}, "sequence_prefix": {"type": "char"}, "sequence_number": {"type": "integer"},
}  # fmt: skip
LENT = {"product.product": "product.template", "account.payment": "account.move"}
NOT_OURS = frozenset(
    ["id", "create_date", "write_date", "create_uid", "write_uid", "display_name", "state", "payment_state", "amount_untaxed",
     "amount_tax", "amount_total", "amount_residual", "amount_total_signed", "amount_residual_signed", "price_subtotal",
     "price_total", "reconciled"]
)  # fmt: skip
OPERATORS = frozenset(
    ["=", "!=", "<", ">", "<=", ">=", "like", "ilike", "not like", "not ilike", "=like", "=ilike", "=?", "in", "not in",
     "child_of", "parent_of", "any", "not any"]
)  # fmt: skip
_WITH_DOMAIN = frozenset({"search", "search_read", "search_count", "read_group"})
_ON_RECORDS = frozenset({"read", "write", "unlink", "exists", "copy", "name_get", "message_post"})
_SHAPES = {"date": r"\d{4}-\d\d-\d\d", "datetime": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"}


def problems(
    model: str, method: str, args: Sequence[Any], kwargs: Mapping[str, Any], *, version: str = "17.0"
) -> list[str]:
    """What the server would find wrong with a call."""
    found = list(_method_problems(model, method, version))
    if model not in _fields(version):
        return found  # a model that the contract does not describe
    args = list(args)
    if method in _WITH_DOMAIN and args:
        found += _domain_problems(model, args[0], version)
    if method in ("search_read", "read"):
        named = kwargs.get("fields") or (args[1] if len(args) > 1 else [])
        found += [f"{model} has no field {name}" for name in named if _field(model, name, version) is None]
    if method in _ON_RECORDS and not (args and _are_ids(args[0])):
        found.append(f"{method} needs ids first")
    if method == "create" and args:
        for vals in args[0] if isinstance(args[0], list) else [args[0]]:
            found += _values_problems(model, vals, version)
    if method == "write" and len(args) > 1:
        found += _values_problems(model, args[1], version)
    if method == "load":
        found += _load_problems(model, args, version)
    return found


def answer_problems(model: str, method: str, result: Any, *, version: str = "17.0") -> list[str]:
    """What is wrong with the result of a call."""
    if model not in _fields(version):
        return []
    if method in ("read", "search_read"):
        return [problem for row in result for problem in _row_problems(model, row, version)]
    if method == "search" and not _are_ids(result):
        return [f"search answers ids, not {result!r}"]
    if method in ("write", "unlink") and result is not True:
        return [f"{method} answers true, not {result!r}"]
    if method == "fields_get":
        return [problem for name, each in result.items() for problem in _described_problems(model, name, each, version)]
    return []


def envelope_problems(body: Any) -> list[str]:
    """What is wrong with a JSON-RPC answer."""
    if not isinstance(body, dict) or body.get("jsonrpc") != "2.0" or "id" not in body:
        return ["no JSON-RPC 2.0 answer"]
    if "error" not in body:
        return [f"unknown member {name}" for name in body if name not in ("jsonrpc", "id", "result")]
    error = body["error"]
    found = ["an answer has a result or an error, not both"] if "result" in body else []
    wanted = {"name", "debug", "message", "arguments", "context"}
    if error.get("code") not in (100, 200, 404) or not error.get("message"):
        found.append("the error has no known code or no message")
    return found + [f"error.data lacks {name}" for name in sorted(wanted - set(error.get("data", {})))]


def field_types(version: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Model -> field -> what the contract says of it."""
    return _fields(version)


def _method_problems(model: str, method: str, version: str) -> Iterator[str]:
    if method.startswith("_"):
        yield f"{method} is private"
    elif method not in GENERIC and model in _fields(version):
        known = set(_methods(version).get(model, {})) | set(_methods(version).get(LENT.get(model, ""), {}))
        if method not in known:
            yield f"{model} has no method {method}"


def _domain_problems(model: str, domain: Any, version: str) -> Iterator[str]:
    if not isinstance(domain, list | tuple):
        yield f"no domain: {domain!r}"
        return
    needed = 0
    for term in domain:
        if isinstance(term, str):
            if term not in ("&", "|", "!"):
                yield f"no operator of a domain: {term!r}"
            needed += term != "!"
            continue
        if not isinstance(term, list | tuple) or len(term) != 3:
            yield f"no term of a domain: {term!r}"
            continue
        name, operator, _ = term
        if operator not in OPERATORS:
            yield f"no operator: {operator}"
        first = str(name).partition(".")[0]
        if _field(model, first, version) is None:
            yield f"{model} has no field {first}"
    terms = sum(1 for term in domain if not isinstance(term, str))
    if needed >= max(terms, 1):
        yield "the domain has more operators than terms"


def _values_problems(model: str, vals: Any, version: str) -> Iterator[str]:
    if not isinstance(vals, Mapping):
        yield f"values are a mapping, not {vals!r}"
        return
    for name, value in vals.items():
        known = _field(model, name, version)
        if known is None:
            yield f"{model} has no field {name}"
        elif name in NOT_OURS:
            yield f"{model}.{name} is the server's to write"
        else:
            yield from _value_problems(model, name, known, value, version)


def _value_problems(model: str, name: str, known: Mapping[str, Any], value: Any, version: str) -> Iterator[str]:
    kind = known["type"]
    if value is None:
        yield f"{model}.{name}: empty is false, not null"
    elif kind in ("one2many", "many2many"):
        yield from _command_problems(model, name, known, value, version)
    elif value is False:
        return
    elif kind == "many2one" and (not isinstance(value, int) or isinstance(value, bool)):
        yield f"{model}.{name} is written as an id, not {value!r}"
    elif kind in ("float", "monetary") and (not isinstance(value, int | float | Decimal) or isinstance(value, bool)):
        yield f"{model}.{name} is a number, not {value!r}"
    elif kind in _SHAPES and not (isinstance(value, str) and re.fullmatch(_SHAPES[kind], value)):
        yield f"{model}.{name} is a {kind}, not {value!r}"
    elif kind == "selection" and _choices(known) and value not in _choices(known):
        yield f"{model}.{name} cannot be {value!r}"
    elif kind in ("char", "text", "html") and not isinstance(value, str):
        yield f"{model}.{name} is text, not {value!r}"


def _command_problems(model: str, name: str, known: Mapping[str, Any], value: Any, version: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{model}.{name} is written as commands, not {value!r}"
        return
    for command in value:
        if not isinstance(command, list | tuple) or not command or command[0] not in range(7):
            yield f"{model}.{name}: no command: {command!r}"
        elif command[0] in (0, 1) and known.get("relation") in _fields(version):
            yield from _values_problems(known["relation"], command[2], version)
        elif command[0] == 6 and not _are_ids(command[2]):
            yield f"{model}.{name}: a set takes ids, not {command[2]!r}"


def _load_problems(model: str, args: Sequence[Any], version: str) -> Iterator[str]:
    if len(args) < 2:
        yield "load needs fields and rows"
        return
    for path in args[0]:
        kind = model
        for part in path.split("/"):
            if part in ("id", ".id"):
                continue
            known = _field(kind, part, version)
            if known is None:
                yield f"{kind} has no field {part}"
                break
            kind = known.get("relation") or ""
            if kind not in _fields(version):
                break
    for row in args[1]:
        if len(row) != len(args[0]):
            yield "a row has as many cells as there are fields"
        for cell in row:
            if not isinstance(cell, str):
                yield f"cells are text, not {cell!r}"


def _row_problems(model: str, row: Mapping[str, Any], version: str) -> Iterator[str]:
    if not isinstance(row.get("id"), int):
        yield f"a record of {model} has no id"
    for name, value in row.items():
        known = _field(model, name, version)
        if known is None:
            yield f"{model} has no field {name}"
            continue
        kind = known["type"]
        if kind == "boolean":
            fits = isinstance(value, bool)
        elif kind in ("float", "monetary"):
            fits = isinstance(value, float)
        elif kind == "integer":
            fits = isinstance(value, int)
        elif kind in ("one2many", "many2many"):
            fits = _are_ids(value)
        elif value is False or kind in ("json", "many2one_reference"):
            fits = True
        elif kind == "many2one":
            fits = (
                isinstance(value, list) and len(value) == 2 and isinstance(value[0], int) and isinstance(value[1], str)
            )
        elif kind in _SHAPES:
            fits = isinstance(value, str) and re.fullmatch(_SHAPES[kind], value) is not None
        elif kind == "selection":
            fits = not _choices(known) or value in _choices(known)
        else:
            fits = isinstance(value, str)
        if not fits:
            yield f"{model}.{name} is a {kind}, and cannot read {value!r}"


def _described_problems(model: str, name: str, described: Mapping[str, Any], version: str) -> Iterator[str]:
    known = _field(model, name, version)
    if known is None:
        yield f"{model} has no field {name}"
        return
    if "type" in described and described["type"] != known["type"]:
        yield f"{model}.{name} is a {known['type']}, not a {described['type']}"
    relation = known.get("relation")
    if relation and "." in relation and "<" not in relation and described.get("relation", relation) != relation:
        yield f"{model}.{name} refers to {relation}, not to {described['relation']}"
    unknown = {choice for choice, _ in described.get("selection", ())} - set(_choices(known))
    if _choices(known) and unknown:
        yield f"{model}.{name} has no choice {', '.join(sorted(unknown))}"


def _field(model: str, name: str, version: str) -> Mapping[str, Any] | None:
    known = _fields(version)
    return known.get(model, {}).get(name) or known.get(LENT.get(model, ""), {}).get(name) or COMMON.get(name)


def _choices(known: Mapping[str, Any]) -> Sequence[str]:
    """The values of a selection, where the source lists them and does not work them out."""
    listed = known.get("selection")
    return listed if isinstance(listed, list) else ()


def _are_ids(value: Any) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return True
    return isinstance(value, list) and all(isinstance(each, int) and not isinstance(each, bool) for each in value)


@cache
def _fields(version: str) -> dict[str, dict[str, dict[str, Any]]]:
    models = json.loads((SPECS / f"fields_{version}.json").read_text(encoding="utf-8"))["models"]
    for each in (field for fields in models.values() for field in fields.values()):
        each["type"] = {"many2onereference": "many2one_reference"}.get(each["type"], each["type"])
    return {name: fields for name, fields in models.items() if name != "uom.uom"}  # of that one it holds additions only


@cache
def _methods(version: str) -> dict[str, dict[str, Any]]:
    return dict(json.loads((SPECS / f"methods_{version}.json").read_text(encoding="utf-8"))["methods"])
