"""The tables behind the models: rows as they are kept, without any rule."""

# The SQL is put together from the model tables of this folder; what a caller sends is always a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.simulation.store import Store

from .document_models import DOCUMENTS
from .faults import MissingError
from .fields import Model, Values
from .list_models import LISTS

MODELS: dict[str, Model] = {each.name: each for each in (*LISTS, *DOCUMENTS)}
SCHEMA = (
    "".join(each.schema() for each in MODELS.values())
    + """
create table if not exists property (
    model text not null, field text not null, record integer not null, company integer not null, value,
    primary key (model, field, record, company)
) without rowid;
create index if not exists by_move_line_move on account_move_line (move_id);
create index if not exists by_move_changed on account_move (write_date, id);
create index if not exists by_move_ref on account_move (ref);
create index if not exists by_move_number on account_move (journal_id, sequence_prefix, sequence_number);
create index if not exists by_partner_changed on res_partner (write_date, id);
create index if not exists by_partner_ref on res_partner (ref);
create index if not exists by_partner_name on res_partner (name);
create index if not exists by_product_template on product_product (product_tmpl_id);
create index if not exists by_product_code on product_product (default_code);
create index if not exists by_payment_move on account_payment (move_id);
create index if not exists by_data_name on ir_model_data (module, name);
create index if not exists by_partial_debit on account_partial_reconcile (debit_move_id);
create index if not exists by_partial_credit on account_partial_reconcile (credit_move_id);
"""
)

_CHANGED_BY_SQL = "account.move.line"  # the one table that is also changed past `update`, many rows at once


@dataclass
class Tables:
    """One transaction on the tables: who writes, and when it began."""

    store: Store
    now: datetime
    uid: int
    _known: defaultdict[str, dict[int, Values]] = field(
        default_factory=lambda: defaultdict(dict), kw_only=True, repr=False
    )

    @property
    def stamp(self) -> str:
        """The start of the transaction, as the column keeps it: with microseconds."""
        return self.now.strftime("%Y-%m-%d %H:%M:%S.%f")

    def rows(self, model: str, ids: Iterable[int]) -> list[Values]:
        """Rows by their ids, in that order; unknown ids are left out."""
        wanted = list(dict.fromkeys(ids))
        known = self._known[model]
        missing = [id for id in wanted if id not in known]
        if missing:
            found = {
                row["id"]: row
                for row in self.select(model, "id in (select value from json_each(?))", json.dumps(missing))
            }
            if model == _CHANGED_BY_SQL:
                return [found[id] for id in wanted if id in found]
            known.update(found)
        return [dict(known[id]) for id in wanted if id in known]

    def select(self, model: str, where: str, *values: Any) -> list[Values]:
        """Rows for which a piece of SQL holds."""
        kind = MODELS[model]
        names = ("id", *kind.columns)
        decoded = [each for each in kind.columns.values() if each.is_encoded]
        columns = ", ".join(f'"{name}"' for name in names)
        rows = [
            dict(zip(names, found, strict=True))
            for found in self.store.run(f"select {columns} from {kind.table} where {where}", *values)
        ]
        for row in rows:
            for each in decoded:
                row[each.name] = each.from_column(row[each.name])
        return rows

    def one(self, model: str, id: int) -> Values:
        """A row that must be there; raises MissingError."""
        found = self.rows(model, [id])
        if not found:
            raise MissingError(
                f"Record does not exist or has been deleted.\n(Record: {model}({id},), User: {self.uid})"
            )
        return found[0]

    def forget(self) -> None:
        """Reads everything afresh, after a part of the transaction was undone."""
        self._known.clear()

    def insert(self, model: str, values: Values) -> int:
        kind = MODELS[model]
        full = {"create_date": self.stamp, "write_date": self.stamp, "create_uid": self.uid, "write_uid": self.uid}
        kept = {
            name: kind.columns[name].to_column(value) for name, value in (full | values).items() if name in kind.columns
        }
        id = self.store.next(f"id {model}")
        names = ", ".join(f'"{name}"' for name in kept)
        sql = f"insert into {kind.table} (id, {names}) values ({', '.join('?' * (len(kept) + 1))})"
        self.store.run(sql, id, *kept.values())
        return id

    def update(self, model: str, ids: Sequence[int], values: Values) -> None:
        kind = MODELS[model]
        full = values | {"write_date": self.stamp, "write_uid": self.uid}
        kept = {name: kind.columns[name].to_column(value) for name, value in full.items() if name in kind.columns}
        sets = ", ".join(f'"{name}" = ?' for name in kept)
        for id in ids:
            self._known[model].pop(id, None)
            self.store.run(f"update {kind.table} set {sets} where id = ?", *kept.values(), id)

    def delete(self, model: str, ids: Sequence[int]) -> None:
        for id in ids:
            self._known[model].pop(id, None)
            self.store.run(f"delete from {MODELS[model].table} where id = ?", id)
            self.store.run("delete from ir_model_data where model = ? and res_id = ?", model, id)
            self.store.run("delete from property where model = ? and record = ?", model, id)
