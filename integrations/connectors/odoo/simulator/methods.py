"""The methods that every model has, and how a call finds its method."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from . import behaviour
from .faults import AccessError, BadType, BadValue, MissingError, NoMethod
from .fields import NUMBERS, Field, Values
from .loading import load as load_rows
from .nested import web_search_read
from .orm import ROOT, Env
from .posting import copied_lines
from .tables import MODELS

READS = frozenset(
    ["search", "search_read", "read", "search_count", "fields_get", "name_search", "name_get", "read_group",
     "check_access_rights", "default_get", "exists", "context_get", "get_external_id",
     "check_object_reference", "web_search_read"]
)  # fmt: skip


def call(env: Env, model: str, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Carries out one call and answers its Python value; raises Fault as the server would."""
    if name.startswith("_"):
        raise AccessError(f"Private methods (such as '{name}') cannot be called remotely.")
    env.model(model)
    generic = GENERIC.get(name)
    if generic is not None:
        return _fitting(generic, (env, model, *args), kwargs, name)
    special = behaviour.method(model, name, env.version)
    if special is None:
        raise NoMethod(f"type object '{model}' has no attribute '{name}'")
    if not args:
        raise BadType(f"{name}() is called on records: the first argument is a list of ids")
    ids = _ids(args[0])
    env.check_rules(env.model(model), ids, "write")
    return _fitting(special, (env, ids, *args[1:]), kwargs, name)


def _fitting(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], name: str) -> Any:
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise BadType(f"{name}() {error}") from error
    return function(*args, **kwargs)


def _ids(value: Any) -> list[int]:
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    if isinstance(value, list | tuple) and all(isinstance(each, int) for each in value):
        return list(value)
    raise BadType(f"expected ids, got {value!r}")


def search(
    env: Env, model: str, domain: Any, offset: int = 0, limit: int | None = None, order: str | None = None,
    count: bool = False,
) -> Any:  # fmt: skip
    if count and env.version <= 16:  # an argument that 17 dropped
        return env.count(model, domain)
    return env.search(model, domain, offset=offset or 0, limit=limit or None, order=order or "")


def search_read(
    env: Env, model: str, domain: Any = (), fields: Sequence[str] | None = None, offset: int = 0,
    limit: int | None = None, order: str | None = None, **kwargs: Any,
) -> list[Values]:  # fmt: skip
    _check_right(env, model, "read")
    found = env.search(model, domain or [], offset=offset or 0, limit=limit or None, order=order or "")
    return env.read(model, found, fields or (), named=kwargs.get("load", "_classic_read") == "_classic_read")


def search_count(env: Env, model: str, domain: Any, limit: int | None = None) -> int:
    return env.count(model, domain)


def read(
    env: Env, model: str, ids: Any, fields: Sequence[str] | None = None, load: str = "_classic_read"
) -> list[Values]:
    return env.read(model, _ids(ids), fields or (), named=load == "_classic_read")


def create(env: Env, model: str, vals_list: Any) -> Any:
    """One record for a mapping, many for a list of them."""
    _check_right(env, model, "create")
    if isinstance(vals_list, Mapping):
        return env.create(model, dict(vals_list))
    if not isinstance(vals_list, list) or not all(isinstance(vals, Mapping) for vals in vals_list):
        raise BadType("create() takes a mapping or a list of mappings")
    return [env.create(model, dict(vals)) for vals in vals_list]


def write(env: Env, model: str, ids: Any, vals: Mapping[str, Any]) -> bool:
    _check_right(env, model, "write")
    return env.write(model, _ids(ids), dict(vals))


def unlink(env: Env, model: str, ids: Any) -> bool:
    _check_right(env, model, "unlink")
    return env.unlink(model, _ids(ids))


def fields_get(
    env: Env, model: str, allfields: Sequence[str] | None = None, attributes: Sequence[str] | None = None
) -> dict[str, Any]:
    """What fields there are, as the server describes them."""
    described = {
        name: _describe(env, found)
        for name, found in env.fields(MODELS[model]).items()
        if not allfields or name in allfields
    }
    if attributes:
        return {
            name: {key: value for key, value in each.items() if key in attributes} for name, each in described.items()
        }
    return described


def _describe(env: Env, found: Field) -> Values:
    described: Values = {
        "name": found.name, "type": found.type, "string": found.name.replace("_id", "").replace("_", " ").title(),
        "required": found.required, "readonly": found.readonly, "store": not found.computed and not found.related,
        "searchable": not found.computed, "sortable": found.is_column, "help": False,
        "company_dependent": found.by_company,
    }  # fmt: skip
    if found.relation:
        described |= {"relation": found.relation, "domain": [], "context": {}}
    if found.inverse:
        described["relation_field"] = found.inverse
    if found.type == "selection":
        described["selection"] = [[key, key.replace("_", " ").capitalize()] for key in found.selection]
    if found.type in NUMBERS and found.digits:
        described["digits"] = [16, env.precision(found.digits)]
    if found.type == "monetary":
        described["currency_field"] = "currency_id"
    return described


def name_search(
    env: Env, model: str, name: str = "", args: Any = None, operator: str = "ilike", limit: int = 100
) -> list[list[Any]]:
    kind = MODELS[model]
    label = kind.label if kind.label in env.fields(kind) else "id"
    domain: list[Any] = list(args or [])
    if name and model == "account.account":
        domain += ["|", ("code", "=like", f"{name}%"), ("name", operator, name)]
    elif name and model in ("product.product", "product.template"):
        domain += ["|", ("default_code", operator, name), ("name", operator, name)]
    elif name and model == "res.partner":
        domain += [
            "|",
            "|",
            "|",
            ("name", operator, name),
            ("email", operator, name),
            ("ref", operator, name),
            ("vat", operator, name),
        ]
    elif name:
        domain += [(label, operator, name)]
    found = env.search(model, domain, limit=limit or None)
    names = env.labels(model, found)
    return [[id, names[id]] for id in found]


def name_get(env: Env, model: str, ids: Any) -> list[list[Any]]:
    names = env.labels(model, _ids(ids))
    return [[id, names[id]] for id in _ids(ids) if id in names]


def name_create(env: Env, model: str, name: str) -> list[Any]:
    _check_right(env, model, "create")
    id = env.create(model, {MODELS[model].label: name})
    return [id, env.labels(model, [id])[id]]


def default_get(env: Env, model: str, fields: Sequence[str]) -> Values:
    known = env.fields(MODELS[model])
    return {name: known[name].default for name in fields if name in known and known[name].default is not None}


def check_access_rights(env: Env, model: str, operation: str, raise_exception: bool = True) -> bool:
    if operation not in ("read", "create", "write", "unlink"):
        raise BadValue(f"Invalid access mode: {operation}")
    allowed = _has_right(env, model, operation)
    if not allowed and raise_exception:
        _check_right(env, model, operation)
    return allowed


_BOOKKEEPING = frozenset(
    {"account.move", "account.move.line", "account.payment", "account.payment.register", "account.move.reversal"}
)
_BILLING, _ACCESS_RIGHTS = 2, 3  # the groups that may write documents, and see external ids


def _group_needed(model: str, operation: str) -> int | None:
    if model == "ir.model.data":
        return _ACCESS_RIGHTS
    return _BILLING if operation != "read" and model in _BOOKKEEPING else None


def _has_right(env: Env, model: str, operation: str) -> bool:
    group = _group_needed(model, operation)
    return group is None or env.uid == ROOT or group in env.one("res.users", env.uid)["groups_id"]


def _check_right(env: Env, model: str, operation: str) -> None:
    if not _has_right(env, model, operation):
        raise AccessError(
            f"You are not allowed to {operation} '{model}' records.\n\nThis operation is allowed for the"
            f" following groups:\n\t- {_GROUPS[_group_needed(model, operation)]}\n\nContact your administrator to request access if necessary."
        )


_GROUPS = {None: "", _BILLING: "Invoicing/Billing", _ACCESS_RIGHTS: "Administration/Access Rights"}


def exists(env: Env, model: str, ids: Any) -> list[int]:
    return [row["id"] for row in env.rows(model, _ids(ids))]


def copy(env: Env, model: str, id: Any, default: Mapping[str, Any] | None = None) -> int:
    """A draft like an existing document, or another record like one of a list."""
    row = env.existing(env.model(model), _ids(id))[0]
    kind = MODELS[model]
    skip = {"id", "create_date", "write_date", "create_uid", "write_uid", "state", "name" if model == "account.move" else "",
            "payment_reference", "sequence_prefix", "sequence_number", "payment_state", "invoice_date", "date", "ref"}  # fmt: skip
    values = {
        name: row[name] if row[name] is not None else False
        for name, found in kind.columns.items()
        if name not in skip and not found.readonly and found.in_version(env.version) and found.type != "many2many"
    }
    if model == "account.move":
        values["invoice_line_ids"] = copied_lines(env, row)
    return env.create(model, values | dict(default or {}))


def read_group(
    env: Env, model: str, domain: Any, fields: Sequence[str], groupby: Any, offset: int = 0, limit: int | None = None,
    orderby: str | bool = False, lazy: bool = True,
) -> list[Values]:  # fmt: skip
    """Sums by groups; days by month, which is what the server does when nobody says otherwise."""
    kind = env.model(model)
    by = [groupby] if isinstance(groupby, str) else list(groupby)
    by = by[:1] if lazy else by
    names = [name.partition(":")[0] for name in fields]
    numbers = [name for name in names if env.field(kind, name).type in (*NUMBERS, "integer") and name not in by]
    ids = env.search(model, domain)
    rows = env.read(model, ids, [*(each.partition(":")[0] for each in by), *numbers])
    groups: defaultdict[tuple[Any, ...], list[Values]] = defaultdict(list)
    for row in rows:
        groups[tuple(_group_key(env.field(kind, each.partition(":")[0]), row, each) for each in by)].append(row)
    answer = []
    for key, members in sorted(groups.items(), key=lambda item: str(item[0])):
        body: Values = {
            each: list(part) if isinstance(part, tuple) else part for each, part in zip(by, key, strict=True)
        }
        body |= {name: sum((row[name] for row in members), Decimal()) for name in numbers}
        count = f"{by[0].partition(':')[0]}_count" if lazy and by else "__count"
        answer.append(body | {count: len(members), "__domain": list(domain)})
    return answer[offset : offset + limit] if limit else answer[offset:]


def _group_key(found: Field, row: Values, by: str) -> Any:
    value = row[found.name]
    if found.type in ("date", "datetime") and value:
        return value[: {"day": 10, "year": 4}.get(by.partition(":")[2], 7)]
    return tuple(value) if isinstance(value, list) else value


def load(env: Env, model: str, fields: Sequence[str], data: Sequence[Any]) -> Values:
    _check_right(env, model, "create")
    return load_rows(env, model, fields, data)


def context_get(env: Env, model: str) -> Values:
    if model != "res.users":
        raise NoMethod(f"type object '{model}' has no attribute 'context_get'")
    user = env.one("res.users", env.uid)
    return {"lang": user["lang"] or "en_US", "tz": user["tz"] or False, "uid": env.uid}


def check_object_reference(
    env: Env, model: str, module: str, xml_id: str, raise_on_access_error: bool = False
) -> list[Any]:
    found = env.store.run("select model, res_id from ir_model_data where module = ? and name = ?", module, xml_id)
    if model != "ir.model.data" or not found:
        raise MissingError(f"External ID not found in the system: {module}.{xml_id}")
    return list(found[0])


def get_external_id(env: Env, model: str, ids: Any) -> dict[str, str]:
    """The external ids of records; empty for a record that has none."""
    known = {
        row[0]: f"{row[1]}.{row[2]}"
        for row in env.store.run(
            "select res_id, module, name from ir_model_data where model = ? order by id desc", model
        )
    }
    return {str(id): known.get(id, "") for id in _ids(ids)}


GENERIC: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        search, search_read, search_count, read, create, write, unlink, fields_get, name_search, name_get, name_create,
        default_get, check_access_rights, exists, copy, read_group, load, context_get, check_object_reference,
        get_external_id, web_search_read,
    )
}  # fmt: skip
