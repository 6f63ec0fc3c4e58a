"""What a field is: declared in a line of text, kept in a column, said on the wire."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cached_property
from html import escape
from typing import Any

from .faults import BadValue

Values = dict[str, Any]

TEXTS = frozenset({"char", "text", "html"})
NUMBERS = frozenset({"float", "monetary"})
MANY = frozenset({"one2many", "many2many"})
PRECISIONS = {
    "price": "Product Price",
    "qty": "Product Unit of Measure",
    "discount": "Discount",
    "terms": "Payment Terms",
}
_TYPES = (
    TEXTS
    | NUMBERS
    | MANY
    | {"boolean", "integer", "date", "datetime", "selection", "many2one", "many2one_reference", "json"}
)
_SCALE = Decimal(10**8)  # numbers are kept as whole hundred-millionths, so that SQL compares them exactly
_WORD = re.compile(
    r"(?P<name>[a-z_0-9]+)(?P<marks>[*~$!]*)(?:\^(?P<related>[\w.]+))?(?:>(?P<relation>[a-z_.]+)(?::(?P<inverse>\w+))?)?"
    r"(?:\((?P<selection>[^)]*)\))?(?:&(?P<digits>\w+))?(?:=(?P<default>[^@\s]+))?"
    r"(?:@(?P<since>\d*)-(?P<until>\d*))?"
)
_CHOICE = re.compile(r"(?P<name>[^@]+)(?:@(?P<since>\d*)-(?P<until>\d*))?")
_WORDS = re.compile(r"(?:\([^)]*\)|[^\s(])+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a model; `since` and `until` are the server versions that have it."""

    name: str
    type: str
    relation: str = ""
    inverse: str = ""  # of a one2many: the many2one on the other side
    selection: tuple[str, ...] = ()
    related: str = ""  # a path whose end is this field's value
    digits: str = ""  # the decimal precision that it is rounded to when written
    default: Any = None
    required: bool = False
    computed: bool = False  # worked out at each reading, kept nowhere
    readonly: bool = False  # the server's to work out: what a caller writes is passed over
    by_company: bool = False  # one value a company
    since: int = 0
    until: int = 99

    @property
    def is_column(self) -> bool:
        return not (self.computed or self.related or self.by_company or self.type == "one2many")

    @property
    def column_type(self) -> str:
        whole = self.type in NUMBERS or self.type in ("integer", "boolean", "many2one", "many2one_reference")
        return "integer" if whole else "text"

    @property
    def is_encoded(self) -> bool:
        """Whether the column holds something else than the value."""
        return self.type in NUMBERS or self.type in ("boolean", "many2many", "json", "integer")

    def in_version(self, version: int) -> bool:
        return self.since <= version <= self.until

    def at(self, version: int) -> Field:
        """The field with the choices of one version; a choice may carry `@since-until` as a field does."""
        if not any("@" in choice for choice in self.selection):
            return self
        parts = [_CHOICE.fullmatch(choice) for choice in self.selection]
        return replace(
            self,
            selection=tuple(
                part["name"]
                for part in parts
                if part and int(part["since"] or 0) <= version <= int(part["until"] or 99)
            ),
        )

    def accept(self, model: str, value: Any) -> Any:
        """The Python value of what a caller sent; raises BadValue for what the server would not take."""
        if self.type == "boolean":
            return bool(value)
        if value is None or value is False:
            return Decimal() if self.type in NUMBERS else 0 if self.type == "integer" else None
        try:
            return self._accept(value)
        except (ValueError, TypeError, InvalidOperation, AttributeError) as error:
            raise BadValue(f"Wrong value for {model}.{self.name}: {value!r}") from error

    def _accept(self, value: Any) -> Any:
        if self.type in NUMBERS:
            if isinstance(value, dict | list):
                raise ValueError(value)
            return Decimal(str(value))
        if self.type in ("integer", "many2one", "many2one_reference"):
            if isinstance(value, str | list | dict) and self.type == "many2one":
                raise ValueError(value)
            return int(value)
        if self.type == "selection" and self.selection and value not in self.selection:
            raise ValueError(value)
        if self.type == "date":
            return datetime.strptime(value[:10], "%Y-%m-%d").date().isoformat()  # noqa: DTZ007 a calendar day
        if self.type == "datetime":
            whole = value if len(value) > 10 else f"{value} 00:00:00"
            datetime.strptime(whole[:19], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 UTC by agreement, without a mark
            return whole[:19]
        if self.type == "html":
            return value if value.lstrip().startswith("<") or not value else f"<p>{escape(value, quote=False)}</p>"
        return value if self.type == "json" else str(value)

    def to_column(self, value: Any) -> Any:
        if value is None:
            return None
        if self.type in NUMBERS:
            return int((value * _SCALE).to_integral_value(ROUND_HALF_UP))
        if self.type in ("many2many", "json"):
            return json.dumps(value, default=str)
        return int(value) if self.type == "boolean" else value

    def from_column(self, value: Any) -> Any:
        if self.type in NUMBERS:
            return Decimal(value or 0) / _SCALE
        if self.type == "boolean":
            return bool(value)
        if self.type == "many2many":
            return json.loads(value) if value else []
        if self.type == "json":
            return json.loads(value) if value else None
        return (value or 0) if self.type == "integer" else value


@dataclass(frozen=True)
class Model:
    """A model: its fields by name, how it is sorted when nobody says, and the model whose fields it borrows."""

    name: str
    declared: tuple[Field, ...]  # a name may stand twice, for different versions
    order: str = "id"
    borrows: str = ""  # a model of which each record has one of its own
    through: str = ""  # the many2one that leads there
    borrows_until: int = 99  # the last server version that borrows
    label: str = "name"  # the field that names a record

    @cached_property
    def fields(self) -> dict[str, Field]:
        return {field.name: field for field in self.declared}

    @cached_property
    def table(self) -> str:
        return self.name.replace(".", "_")

    @cached_property
    def columns(self) -> dict[str, Field]:
        return {name: field for name, field in self.fields.items() if field.is_column}

    def schema(self) -> str:
        columns = ", ".join(f'"{field.name}" {field.column_type}' for field in self.columns.values())
        return f"create table if not exists {self.table} (id integer primary key, {columns});"


def model(
    name: str, declared: str, *, order: str = "id", borrows: str = "", through: str = "", borrows_until: int = 99,
    label: str = "name",
) -> Model:  # fmt: skip
    """A model from lines `type: word word …`.

    A word is `name`, marks (`*` required, `~` computed at reading, `!` the server's to write, `$` one value a company),
    `^related.path`, `>relation:inverse`, `(choice|choice)`, `&digits`, `=default`, `@since-until`.
    """
    common = "datetime: create_date! write_date!\nmany2one: create_uid!>res.users write_uid!>res.users\n"
    fields = _read(common + declared + "\nchar: display_name~")
    return Model(name, tuple(fields), order, borrows, through, borrows_until, label)


def _read(declared: str) -> Iterator[Field]:
    for line in filter(None, map(str.strip, declared.splitlines())):
        type, _, words = line.partition(":")
        if type not in _TYPES:
            raise ValueError(f"no fields are declared by {line!r}")
        for word in _WORDS.findall(words):
            found = _WORD.fullmatch(word)
            if found is None:
                raise ValueError(f"no field is declared by {word!r}")
            marks = found["marks"]
            yield Field(
                name=found["name"],
                type=type,
                relation=found["relation"] or "",
                inverse=found["inverse"] or "",
                selection=tuple(filter(None, (found["selection"] or "").split("|"))),
                related=found["related"] or "",
                digits=found["digits"] or "",
                default=_default(type, found["default"]),
                required="*" in marks,
                computed="~" in marks,
                readonly="!" in marks or "~" in marks,
                by_company="$" in marks,
                since=int(found["since"] or 0),
                until=int(found["until"] or 99),
            )


def _default(type: str, text: str | None) -> Any:
    if text is None:
        return None
    if type == "boolean":
        return text == "true"
    return Decimal(text) if type in NUMBERS else int(text) if type in ("integer", "many2one") else text
