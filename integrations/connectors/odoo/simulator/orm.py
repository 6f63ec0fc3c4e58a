"""Records: searched, read, created, written and deleted as the server's own object layer does it."""

# The SQL is put together from the model tables of this folder; what a caller sends is always a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from .domains import Compiler
from .faults import AccessError, BadValue, MissingError, UserError, ValidationError
from .fields import MANY, PRECISIONS, Field, Model, Values
from .list_models import ACCOUNT_TYPES_TO_15
from .tables import MODELS, Tables

# Fields that a caller may write although another record, or another field, keeps the value.
_KEPT_ELSEWHERE = frozenset(
    [
        ("account.account", "company_ids"),
        ("account.account", "user_type_id"),
        ("res.currency.rate", "inverse_company_rate"),
        ("product.template", "default_code"),
        ("product.template", "barcode"),
        ("product.template", "standard_price"),
    ]
)
ROOT = 1  # the server's own user, who may do everything


@dataclass(frozen=True, kw_only=True)
class Logic:
    """What a model does beyond being kept; every part may be left out."""

    prepare: Callable[[Env, Values, frozenset[str]], Values] | None = None  # before a record is made: its defaults
    check_write: Callable[[Env, list[Values], Values], Values] | None = None  # may refuse, may change what is written
    after: Callable[[Env, list[int], frozenset[str]], None] | None = None  # fields and lines are in: work out the rest
    check_unlink: Callable[[Env, list[Values]], None] | None = None
    after_unlink: Callable[[Env, list[Values]], None] | None = None
    lend: Callable[[Env, Values, Values], Values] | None = None  # what the record that it borrows from is made of
    label: Callable[[Env, Values], str] | None = None
    computed: Mapping[str, Callable[[Env, list[Values]], list[Any]]] = field(default_factory=dict)
    methods: Mapping[str, Callable[..., Any]] = field(default_factory=dict)  # called with (env, ids, …)


LOGIC: dict[str, Logic] = {}


@dataclass
class Env(Tables):
    """Who asks, in which companies, in which context: everything happens within one."""

    version: int
    companies: tuple[int, ...]  # the first is the current one
    context: Mapping[str, Any] = field(default_factory=dict)
    deeds: dict[tuple[str, int], str] = field(default_factory=dict)

    @property
    def company_id(self) -> int:
        return self.companies[0]

    @property
    def company(self) -> Values:
        return self.one("res.company", self.company_id)

    @property
    def today(self) -> date:
        return self.now.date()

    def within(self, *, companies: tuple[int, ...] | None = None, **context: Any) -> Env:
        """The same transaction with other companies or more context."""
        return Env(
            self.store, self.now, self.uid, self.version, companies or self.companies, {**self.context, **context},
            self.deeds, _known=self._known,
        )  # fmt: skip

    def note(self, operation: str, model: str, ids: Iterable[int]) -> None:
        """Keeps for the journal what was done; what was made in this call is not also changed by it, and lines go with their document."""
        if self.context.get("as_line") or self.context.get("by_borrower"):
            return
        for id in ids:
            known = self.deeds.get((model, id))
            if known != "create" or operation == "delete":
                self.deeds[model, id] = operation

    # what there is

    def model(self, name: str) -> Model:
        if name not in MODELS or (name == "account.account.type" and self.version > 15):
            raise UserError(f"Object {name} doesn't exist")
        return MODELS[name]

    def field(self, model: Model, name: str) -> Field:
        """A field by its name, borrowed ones included; raises BadValue for an unknown one."""
        found = self.fields(model).get(name)
        if found is None:
            raise BadValue(f"Invalid field {name!r} on model {model.name!r}")
        return found

    def fields(self, model: Model) -> dict[str, Field]:
        """The fields that this version of the server has, borrowed ones as paths to where they are kept."""
        key = (model.name, self.version)
        if key not in _FIELDS:
            own = {each.name: each.at(self.version) for each in model.declared if each.in_version(self.version)}
            if model.borrows and self.version <= model.borrows_until:
                lender = self.fields(MODELS[model.borrows])
                own = {
                    name: Field(
                        name=name, type=each.type, relation=each.relation, inverse=each.inverse,
                        selection=each.selection, required=each.required, readonly=each.readonly,
                        related=f"{model.through}.{name}",
                    )
                    for name, each in lender.items()
                    if not each.computed and (name != "product_variant_id")
                } | own  # fmt: skip
            own["id"] = Field(name="id", type="integer", readonly=True)
            _FIELDS[key] = own
        return _FIELDS[key]

    # searching

    def search(
        self, model: str, domain: Sequence[Any] = (), *, offset: int = 0, limit: int | None = None, order: str = ""
    ) -> list[int]:
        kind = self.model(model)
        compiler = self._compiler()
        where = self._where(compiler, kind, domain)
        sort = compiler.order(kind, order or kind.order, kind.table)
        if not order:
            sort += f", {kind.table}.id"
        span = f" limit {int(limit) if limit else -1} offset {int(offset)}"
        sql = f"select {kind.table}.id from {kind.table} where {where} order by {sort}{span}"
        return [row[0] for row in self.store.run(sql, *compiler.values)]

    def count(self, model: str, domain: Sequence[Any]) -> int:
        kind = self.model(model)
        compiler = self._compiler()
        where = self._where(compiler, kind, domain)
        return int(self.store.run(f"select count(*) from {kind.table} where {where}", *compiler.values)[0][0])

    def _where(self, compiler: Compiler, kind: Model, domain: Sequence[Any]) -> str:
        if not isinstance(domain, list | tuple):
            raise BadValue(f"Invalid domain {domain!r}")
        asked = str(domain)
        where = compiler.condition(kind, domain)
        if "active" in kind.columns and self.context.get("active_test", True) and "'active'" not in asked:
            where += f" and {kind.table}.active = 1"
        company = self.company_column(kind)
        if company and self.uid != ROOT:
            allowed = ", ".join(str(int(each)) for each in self.companies)
            where += f" and ({company} is null or {company} in ({allowed}))"
        return where

    def company_column(self, kind: Model) -> str:
        """The SQL of the company that a record belongs to; empty where records belong to nobody."""
        if kind.name == "res.company":
            return f"{kind.table}.id"
        if kind.name == "account.move.line":
            return f"(select m.company_id from account_move m where m.id = {kind.table}.move_id)"
        if kind.name == "account.payment":
            return f"(select m.company_id from account_move m where m.id = {kind.table}.move_id)"
        if kind.name in ("res.users", "account.payment.register", "account.move.reversal"):
            return ""
        return f"{kind.table}.company_id" if "company_id" in kind.columns else ""

    def _compiler(self) -> Compiler:
        return Compiler(models=MODELS, version=self.version, field_of=self.field, by_company=self._property_sql)

    def _property_sql(self, kind: Model, found: Field) -> str:
        return (
            f"(select p.value from property p where p.model = '{kind.name}' and p.field = '{found.name}'"
            f" and p.record = {{table}}.id and p.company = {int(self.company_id)})"
        )

    # reading

    def read(self, model: str, ids: Sequence[int], names: Sequence[str] = (), *, named: bool = True) -> list[Values]:
        """What `read` answers: values as they go over the wire; ids that are gone are left out."""
        kind = self.model(model)
        rows = self.rows(model, ids)
        self.check_rules(kind, [row["id"] for row in rows], "read")
        wanted = list(dict.fromkeys(names)) or list(self.fields(kind))
        shown: list[Values] = [{"id": row["id"]} for row in rows]
        for name in wanted:
            found = self.field(kind, name)
            if name == "id":
                continue
            values = self.show(found, self.values(kind, rows, found), named=named)
            for body, value in zip(shown, values, strict=True):
                body[name] = value
        return shown

    def values(self, kind: Model, rows: list[Values], found: Field) -> list[Any]:
        """The Python values of one field for some rows."""
        if found.name == "display_name":
            names = self.labels(kind.name, [row["id"] for row in rows])
            return [names[row["id"]] for row in rows]
        if found.name == "id":
            return [row["id"] for row in rows]
        if found.related:
            return self._related(kind, rows, found)
        if found.by_company:
            return self._properties(kind, rows, found)
        if found.type == "one2many":
            return self._one2many(kind, rows, found)
        if found.computed:
            compute = LOGIC.get(kind.name, _PLAIN).computed.get(found.name)
            return compute(self, rows) if compute else [None] * len(rows)
        if found.name == "display_type" and self.version <= 15 and kind.name == "account.move.line":
            own = ("line_section", "line_note")  # until 15 only these two have a type
            return [row["display_type"] if row["display_type"] in own else None for row in rows]
        return [row[found.name] for row in rows]

    def value(self, model: str, id: int, name: str) -> Any:
        """The Python value of one field of one record."""
        kind = MODELS[model]
        return self.values(kind, [self.one(model, id)], self.field(kind, name))[0]

    def _related(self, kind: Model, rows: list[Values], found: Field) -> list[Any]:
        first, _, rest = found.related.partition(".")
        head = self.field(kind, first)
        links = self.values(kind, rows, head)
        if not rest:
            return links
        other = MODELS[head.relation]
        there = self.rows(other.name, [link for link in links if link])
        # What a borrowed field keeps is the lender's to work out, not the borrower's.
        end = Field(name=rest, type=found.type, related=rest) if "." in rest else self.field(other, rest)
        known = dict(zip([row["id"] for row in there], self.values(other, there, end), strict=True))
        empty: list[int] | None = [] if found.type in MANY else None
        return [known.get(link, empty) for link in links]

    def _properties(self, kind: Model, rows: list[Values], found: Field) -> list[Any]:
        if not rows:
            return []
        ids = [row["id"] for row in rows]
        sql = (
            "select record, value from property where model = ? and field = ? and company = ?"
            " and record in (select value from json_each(?))"
        )
        kept = dict(self.store.run(sql, kind.name, found.name, self.company_id, json.dumps([0, *ids])))
        return [kept.get(id, kept.get(0)) for id in ids]  # record 0 holds the company's default

    def set_property(self, model: str, name: str, id: int, value: int | None, *, company: int) -> None:
        """Keeps a value that differs by company; record 0 is the default of all."""
        self.store.run("insert or replace into property values (?,?,?,?,?)", model, name, id, company, value)

    def _one2many(self, kind: Model, rows: list[Values], found: Field) -> list[list[int]]:
        ids = [row["id"] for row in rows]
        other = MODELS[found.relation]
        below: defaultdict[int, list[int]] = defaultdict(list)
        if ids:
            extra = {
                "invoice_line_ids": " and (coalesce(display_type, 'product') in ('product','line_section','line_note')"
                " and not coalesce(exclude_from_invoice_tab, 0))",
                "inbound_payment_method_line_ids": " and payment_type = 'inbound'",
                "outbound_payment_method_line_ids": " and payment_type = 'outbound'",
            }.get(found.name, "")
            active = " and active = 1" if "active" in other.columns and self.context.get("active_test", True) else ""
            sort = "sequence, id" if "sequence" in other.columns and other.name != "account.move.line" else "id"
            sql = (
                f"select {found.inverse}, id from {other.table} where {found.inverse} in (select value from json_each(?))"
                f"{extra}{active} order by {sort}"
            )
            for parent, id in self.store.run(sql, json.dumps(ids)):
                below[parent].append(id)
        return [below[id] for id in ids]

    def labels(self, model: str, ids: Iterable[int]) -> dict[int, str]:
        """What people call some records."""
        kind = MODELS[model]
        logic = LOGIC.get(model, _PLAIN)
        rows = self.rows(model, ids)
        if logic.label:
            return {row["id"]: logic.label(self, row) for row in rows}
        if kind.label in self.fields(kind) and kind.label != "id":
            names = self.values(kind, rows, self.field(kind, kind.label))
            return {row["id"]: str(name or "") for row, name in zip(rows, names, strict=True)}
        return {row["id"]: f"{model},{row['id']}" for row in rows}

    def show(self, found: Field, values: list[Any], *, named: bool = True) -> list[Any]:
        """Values as the wire carries them: false for empty, references with their names."""
        if found.type == "many2one" and named:
            names = self.labels(found.relation, [value for value in values if value])
            return [[value, names[value]] if value in names else False for value in values]
        if found.type == "datetime":
            return [value[:19] if value else False for value in values]
        return [False if value is None else value for value in values]

    # writing

    def create(self, model: str, vals: Values) -> int:
        kind = self.model(model)
        own, lent, lists, properties = self._sort_out(kind, self._with_context_defaults(kind, vals))
        logic = LOGIC.get(model, _PLAIN)
        for name, found in kind.columns.items():
            if name not in own and found.default is not None and found.in_version(self.version):
                own[name] = found.default
        if kind.borrows and kind.through not in own:
            lent = logic.lend(self, lent, own) if logic.lend else lent
            own[kind.through] = self.within(by_borrower=True).create(kind.borrows, lent)
        if logic.prepare:
            own = logic.prepare(self, own, frozenset({*own, *lists}) & frozenset({*vals, *self._defaulted(kind)}))
        self._check_required(kind, own)
        id = self.insert(model, own)
        self._finish(kind, [id], lists, properties, frozenset({*own, *lists}), created=True)
        self.note("create", model, [id])
        self.check_rules(kind, [id], "create")
        return id

    def write(self, model: str, ids: Sequence[int], vals: Values) -> bool:
        kind = self.model(model)
        rows = self.existing(kind, ids)
        self.check_rules(kind, ids, "write")
        logic = LOGIC.get(model, _PLAIN)
        if logic.check_write:
            vals = logic.check_write(self, rows, vals)
        own, lent, lists, properties = self._sort_out(kind, vals)
        if lent:
            self.write(kind.borrows, [row[kind.through] for row in rows], lent)
        self.update(model, [row["id"] for row in rows], own)
        changed = frozenset({*own, *lists, *lent})
        self._finish(kind, [row["id"] for row in rows], lists, properties, changed, created=False)
        self.note("update", model, ids)
        return True

    def unlink(self, model: str, ids: Sequence[int]) -> bool:
        kind = self.model(model)
        rows = self.existing(kind, ids)
        self.check_rules(kind, ids, "unlink")
        logic = LOGIC.get(model, _PLAIN)
        if logic.check_unlink:
            logic.check_unlink(self, rows)
        self._check_unused(kind, [row["id"] for row in rows])
        for found in kind.fields.values():
            if found.type == "one2many" and MODELS[found.relation].fields[found.inverse].required:
                below = [id for ids_ in self._one2many(kind, rows, found) for id in ids_]
                self.delete(found.relation, below)
        if model == "account.move":  # its own lines, those that `invoice_line_ids` does not show too
            for row in rows:
                self.store.run("delete from account_move_line where move_id = ?", row["id"])
        self.delete(model, [row["id"] for row in rows])
        if logic.after_unlink:
            logic.after_unlink(self, rows)
        self.note("delete", model, ids)
        return True

    def existing(self, kind: Model, ids: Sequence[int]) -> list[Values]:
        """The rows of all `ids`; raises MissingError when one is gone."""
        rows = self.rows(kind.name, ids)
        gone = set(ids) - {row["id"] for row in rows}
        if gone:
            raise MissingError(
                f"Record does not exist or has been deleted.\n(Record: {kind.name}({min(gone)},), User: {self.uid})"
            )
        return rows

    def check_rules(self, kind: Model, ids: Sequence[int], operation: str) -> None:
        """Raises AccessError for records of a company that the caller is not in."""
        company = self.company_column(kind)
        if not company or not ids or self.uid == ROOT:
            return
        allowed = ", ".join(str(int(each)) for each in self.companies)
        sql = (
            f"select id from {kind.table} where id in (select value from json_each(?))"
            f" and {company} is not null and {company} not in ({allowed})"
        )
        foreign = self.store.run(sql, json.dumps(list(ids)))
        if foreign:
            raise AccessError(
                f"Due to security restrictions, you are not allowed to {operation} records of {kind.name}"
                f" ({foreign[0][0]}): they belong to another company."
            )

    def _with_context_defaults(self, kind: Model, vals: Values) -> Values:
        if self.context.get("as_line") or self.context.get("by_borrower"):
            return vals
        return {name: self.context[f"default_{name}"] for name in self._defaulted(kind)} | vals

    def _defaulted(self, kind: Model) -> list[str]:
        """The fields for which the context brings a default."""
        names = [key.removeprefix("default_") for key in self.context if key.startswith("default_")]
        return [name for name in names if name in self.fields(kind)]

    def _sort_out(self, kind: Model, vals: Values) -> tuple[Values, Values, Values, Values]:
        """Own columns, borrowed fields, lists of lines, and values by company; raises BadValue for an unknown field."""
        own: Values = {}
        lent: Values = {}
        lists: Values = {}
        properties: Values = {}
        for name, value in vals.items():
            found = self.field(kind, name)
            if kind.borrows and found.related.startswith(f"{kind.through}."):
                lent[name] = value
            elif (kind.name, name) in _KEPT_ELSEWHERE:
                lists[name] = value
            elif found.readonly or found.related or name == "id":
                continue  # the server's to work out
            elif found.type in MANY:
                lists[name] = value
            elif found.by_company:
                properties[name] = found.accept(kind.name, value)
                self._check_reference(found, properties[name])
            else:
                own[name] = self._rounded(found, found.accept(kind.name, value))
                self._check_reference(found, own[name])
        return own, lent, lists, properties

    def _check_reference(self, found: Field, value: Any) -> None:
        if found.type == "many2one" and value and found.relation in MODELS:
            self.one(found.relation, value)

    def _rounded(self, found: Field, value: Any) -> Any:
        if not found.digits or value is None:
            return value
        return self.rounded_to(value, self.precision(found.digits))

    def rounded_to(self, value: Decimal, digits: int) -> Decimal:
        return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)

    def precision(self, digits: str) -> int:
        """How many decimals a decimal precision keeps."""
        found = self.store.run("select digits from decimal_precision where name = ?", PRECISIONS[digits])
        return int(found[0][0]) if found else 2

    def _check_required(self, kind: Model, own: Values) -> None:
        for name, found in kind.columns.items():
            if found.required and found.in_version(self.version) and own.get(name) is None:
                raise ValidationError(
                    "The operation cannot be completed: a mandatory field is not set.\n"
                    f"Model: {kind.name}, Field: {name}"
                )

    def _finish(
        self, kind: Model, ids: list[int], lists: Values, properties: Values, changed: frozenset[str], *, created: bool
    ) -> None:
        for name, value in properties.items():
            for id in ids:
                self.set_property(kind.name, name, id, value, company=self.company_id)
        fields = {name: self.field(kind, name) for name in lists}
        for name in (name for name in lists if not fields[name].related):
            for id in ids:
                self.carry_out(kind, id, fields[name], lists[name])
        logic = LOGIC.get(kind.name, _PLAIN)
        if logic.after:
            logic.after(self if not created else self.within(just_created=True), ids, changed)
        for name in (name for name in lists if fields[name].related):  # kept by a record that `after` has made
            for id in ids:
                self.carry_out(kind, id, fields[name], lists[name])

    def carry_out(self, kind: Model, id: int, found: Field, commands: Any) -> None:
        """The commands of an x2many field; a plain list of ids is a `set`."""
        if kind.name == "account.account" and found.name == "company_ids":
            linked = [each for command in commands or [] for each in (command[2] if command[0] == 6 else [command[1]])]
            self.update(kind.name, [id], {"company_id": int(linked[0])} if linked else {})
            return
        if kind.name == "account.account" and found.name == "user_type_id":
            label = self.one(found.relation, commands)["name"]
            self.update(kind.name, [id], {"account_type": ACCOUNT_TYPES_TO_15[label]})
            return
        if kind.name == "res.currency.rate":
            self.update(kind.name, [id], {"rate": 1 / Decimal(str(commands))})
            return
        if found.related:  # a template's value that its only variant keeps
            first, _, rest = found.related.partition(".")
            variant = self.one(kind.name, id)[first]
            if variant:
                self.write(self.field(kind, first).relation, [variant], {rest: commands})
            return
        if not commands:
            return
        if not isinstance(commands, list | tuple):
            raise BadValue(f"Wrong value for {kind.name}.{found.name}: {commands!r}")
        if all(isinstance(command, int) for command in commands):
            commands = [[6, 0, list(commands)]]
        links = list(self.one(kind.name, id).get(found.name) or []) if found.type == "many2many" else []
        for command in commands:
            links = self._command(kind, id, found, command, links)
        if found.type == "many2many":
            self.update(kind.name, [id], {found.name: links})

    def _command(self, kind: Model, id: int, found: Field, command: Any, links: list[int]) -> list[int]:
        if not isinstance(command, list | tuple) or not command or command[0] not in range(7):
            raise BadValue(f"Wrong value for {kind.name}.{found.name}: {command!r}")
        verb, other, more = (*command, 0, 0)[:3]
        one2many = found.type == "one2many"
        if verb == 0:
            values = {**(more or {}), found.inverse: id} if one2many else dict(more or {})
            made = self.within(as_line=True, just_created=False).create(found.relation, values)
            if isinstance(other, str) and self.context.get("loading"):
                self.name_record(other, found.relation, made)
            links = [*links, made]
        elif verb == 1:
            self.within(as_line=True).write(found.relation, [other], more)
        elif verb in (2, 3) and one2many:
            self.within(as_line=True).unlink(found.relation, [other])
        elif verb in (2, 3):
            links = [link for link in links if link != other]
        elif verb == 4:
            self.one(found.relation, other)
            if one2many:
                self.update(found.relation, [other], {found.inverse: id})
            links = [*links, *([] if other in links else [other])]
        elif verb == 5 or (verb == 6 and not more):
            if one2many:
                self.unlink(found.relation, self._one2many(kind, [{"id": id}], found)[0])
            links = []
        elif verb == 6:
            self.existing(MODELS[found.relation], more)
            if one2many:
                below = self._one2many(kind, [{"id": id}], found)[0]
                self.unlink(found.relation, [each for each in below if each not in more])
                self.update(found.relation, more, {found.inverse: id})
            links = list(dict.fromkeys(more))
        return links

    def name_record(self, external: str, model: str, id: int) -> None:
        """Gives a record an external id."""
        module, name = external_parts(external)
        self.within(as_line=True).create(
            "ir.model.data", {"module": module, "name": name, "model": model, "res_id": id}
        )

    def _check_unused(self, kind: Model, ids: list[int]) -> None:
        """A record that a document must refer to cannot go."""
        users = {
            "res.partner": [
                ("account.move", "partner_id"),
                ("sale.order", "partner_id"),
                ("purchase.order", "partner_id"),
            ],
            "product.product": [("account.move.line", "product_id"), ("sale.order.line", "product_id")],
            "account.account": [("account.move.line", "account_id")],
            "account.journal": [("account.move", "journal_id")],
            "res.currency": [("account.move", "currency_id")],
        }.get(kind.name, [])
        for model, name in users:
            for id in ids:
                if self.store.run(f"select 1 from {MODELS[model].table} where {name} = ? limit 1", id):
                    raise ValidationError(
                        "The operation cannot be completed: another model requires the record being deleted."
                        f" If possible, archive it instead.\n\nModel: {model}, Field: {name}"
                    )


_FIELDS: dict[tuple[str, int], dict[str, Field]] = {}
_PLAIN = Logic()


def external_parts(external: str) -> tuple[str, str]:
    """Module and name of an external id; without a dot the module is `__import__`."""
    module, dot, name = external.partition(".")
    return (module, name) if dot else ("__import__", external)
