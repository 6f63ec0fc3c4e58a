"""A company file: its settings, its lists and documents as they are kept, and who points at whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from integrations.simulation.clock import Clock
from integrations.simulation.simulator import epoch
from integrations.simulation.store import Row, Store

from . import figures
from .grammar import ANSWERS, Body
from .kinds import LISTS, REFERS_TO
from .statuses import bad_reference, name_taken, not_found

SCHEMA = """
create table if not exists listed (
    space text not null, id text not null, kind text not null, family text not null, full text not null,
    folded text not null, parent text, primary key (space, id)
) without rowid;
create unique index if not exists listed_once on listed (space, family, folded);
create table if not exists txn (
    space text not null, id text not null, kind text not null, number integer not null, ref text not null, day text not null,
    party text not null, primary key (space, id)
) without rowid;
create index if not exists txn_ref on txn (space, ref collate nocase);
create index if not exists txn_party on txn (space, party);
create table if not exists uses (
    space text not null, listed text not null, id text not null, primary key (space, listed, id)
) without rowid;
create index if not exists uses_by on uses (space, id);
create table if not exists removed (
    space text not null, id text not null, kind text not null, name text not null, created integer not null, deleted integer not null
);
"""

Noter = Callable[[str, str, str], None]


@dataclass(slots=True, kw_only=True)
class Settings:
    """What the preferences of a company file say."""

    name: str
    currency: str = "USD"
    multicurrency: bool = True
    zone: str = "America/Chicago"
    edition: str = "Premier"  # Pro has no sales orders
    closing_date: str = ""  # nothing on or before this day is made, changed or taken away
    country: str = "US"
    payments_touch_documents: bool = True  # whether an invoice counts as modified when it is paid
    roles: dict[str, str] = field(default_factory=dict)  # what QuickBooks itself looks for -> ListID
    file_ids: dict[str, str] = field(default_factory=dict)  # OwnerID -> FileID that a web connector left here


class Company:
    """One company file in the store of the simulator."""

    def __init__(self, store: Store, clock: Clock, space: str, did: Noter) -> None:
        self.store, self.clock, self.space, self.did = store, clock, space, did
        self.read_settings()
        self.zone = ZoneInfo(self.settings.zone)

    def read_settings(self) -> None:
        """The settings as they are kept, whatever was meant to become of them."""
        self.settings = Settings(**self.store.setting(f"company {self.space}"))

    def keep_settings(self) -> None:
        self.store.set(f"company {self.space}", asdict(self.settings))

    # time and numbers

    def now(self) -> int:
        return epoch(self.clock.now())

    def today(self) -> str:
        return self.clock.now().astimezone(self.zone).date().isoformat()

    def new_id(self, *, listed: bool) -> str:
        """A ListID or TxnID as the vendor forms them: a hexadecimal counter and the second of making."""
        count = self.store.next(f"{self.space} {'list' if listed else 'txn'}")
        return f"{0x80000000 + count:08X}-{self.now()}" if listed else f"{count:X}-{self.now()}"

    # rows

    def get(self, kind: str, id: str) -> Row | None:
        row = self.store.get(self.space, kind, id)
        return None if row is None or row.gone else row

    def the(self, kind: str, id: str) -> Row:
        """A row that must be there; raises 3120."""
        row = self.get(kind, id)
        if row is None:
            raise not_found(id)
        return row

    def rows(self, kind: str, where: str = "not gone", *values: Any) -> list[Row]:
        return self.store.rows(self.space, kind, where, *values)

    def keep(
        self, kind: str, body: Body, *, before: Row | None = None, id: str = "", active: bool = True, deed: str = ""
    ) -> Row:
        """Keeps a list element or document as made or changed now; its edit sequence always grows."""
        now = self.now()
        row = Row(
            id=before.id if before else id,
            version=max(before.version + 1, now) if before else now,
            created=before.created if before else now,
            changed=now,
            active=active,
            gone=False,
            body=body,
        )
        self.store.put(self.space, kind, row)
        self.store.run("delete from uses where space = ? and id = ?", self.space, row.id)
        for listed in set(_list_ids(body)):
            self.store.run("insert into uses values (?,?,?)", self.space, listed, row.id)
        self.did(deed or ("update" if before else "create"), kind, row.id)
        return row

    def touch(self, kind: str, id: str) -> None:
        """Something else changed what a document shows, which then counts as modified, if the settings say so."""
        row = self.get(kind, id)
        if row is None or not self.settings.payments_touch_documents:
            return
        now = self.now()
        version = max(row.version + 1, now)
        self.store.put(
            self.space, kind, Row(row.id, version, row.created, max(now, row.changed), row.active, False, row.body)
        )

    def remove(self, kind: str, row: Row, name: str) -> None:
        now = self.now()
        self.store.put(self.space, kind, Row(row.id, row.version, row.created, now, row.active, True, row.body))
        self.store.run("insert into removed values (?,?,?,?,?,?)", self.space, row.id, kind, name, row.created, now)
        self.store.run("delete from uses where space = ? and id = ?", self.space, row.id)
        self.did("delete", kind, row.id)

    def is_used(self, id: str) -> bool:
        return bool(self.store.run("select 1 from uses where space = ? and listed = ? limit 1", self.space, id))

    # names

    def name(self, id: str) -> str:
        """The full name of a list element, as it is now."""
        found = self.store.run("select full from listed where space = ? and id = ?", self.space, id)
        return str(found[0][0]) if found else ""

    def kind_of(self, id: str) -> str:
        found = self.store.run("select kind from listed where space = ? and id = ?", self.space, id)
        return str(found[0][0]) if found else ""

    def named(self, kinds: Iterable[str], full: str) -> str | None:
        """The id of the element of one of these kinds that has this full name."""
        for family in dict.fromkeys(LISTS[kind].family for kind in kinds if kind in LISTS):
            for id, kind in self.store.run(
                "select id, kind from listed where space = ? and family = ? and folded = ?",
                self.space, family, full.casefold(),
            ):  # fmt: skip
                if kind in kinds:
                    return str(id)
        return None

    def give_name(self, kind: str, id: str, name: str, parent: str | None) -> None:
        """Names an element, and with it all below it; raises 3100 when somebody has that name."""
        full = f"{self.name(parent)}:{name}" if parent else name
        family = LISTS[kind].family
        taken = self.store.run(
            "select id from listed where space = ? and family = ? and folded = ?", self.space, family, full.casefold()
        )
        if taken and taken[0][0] != id:
            raise name_taken(name)
        self.store.run(
            "insert into listed values (?,?,?,?,?,?,?) on conflict do update set full = excluded.full,"
            " folded = excluded.folded, parent = excluded.parent",
            self.space, id, kind, family, full, full.casefold(), parent,
        )  # fmt: skip
        for child, below in self.store.run(
            "select id, full from listed where space = ? and parent = ?", self.space, id
        ):
            self.give_name(kind, child, below.rpartition(":")[2], id)

    def forget_name(self, id: str) -> None:
        self.store.run("delete from listed where space = ? and id = ?", self.space, id)

    def children(self, id: str) -> list[str]:
        return [
            str(child)
            for (child,) in self.store.run("select id from listed where space=? and parent=?", self.space, id)
        ]

    def with_children(self, id: str) -> list[str]:
        return [id, *(below for child in self.children(id) for below in self.with_children(child))]

    # references

    def resolve(self, field: str, reference: Body, *, in_kind: str, own: str = "") -> Body:
        """A reference that was sent as it is kept: the ListID alone. Raises 3140."""
        kinds = (own,) if field == "ParentRef" else REFERS_TO.get(field, ())
        id, full = reference.get("ListID", ""), reference.get("FullName", "")
        found = self.named(kinds, full) if full and not id else id
        if not found or self.kind_of(found) not in kinds:
            raise bad_reference(field.removesuffix("Ref"), id or full, in_kind)
        return {"ListID": found}

    def shown(self, value: Any) -> Any:
        """The same with the present full name beside every ListID that is a reference."""
        if isinstance(value, list):
            return [self.shown(each) for each in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"ListID"}:
            return {"ListID": value["ListID"], "FullName": self.name(value["ListID"])}
        return {name: self.shown(member) for name, member in value.items()}

    # currencies

    @property
    def home(self) -> str:
        """The ListID of the home currency."""
        return self.settings.roles["home currency"]

    def currency_code(self, id: str) -> str:
        row = self.get("Currency", id)
        return str(row.body["CurrencyCode"]) if row else self.settings.currency

    def head(self, row: Row, *, listed: bool) -> Body:
        """What every record begins with."""
        return {
            "ListID" if listed else "TxnID": row.id,
            "TimeCreated": figures.moment(row.created, self.zone),
            "TimeModified": figures.moment(row.changed, self.zone),
            "EditSequence": str(row.version),
        }

    def take(self, kind: str, form: str, sent: Body, *, into: Body | None = None) -> tuple[Body, list[str]]:
        """What was sent as it is kept by the form of the answer, over what was there; and the members that have no place.

        References become ListIDs, numbers get the vendor's form, and what was sent empty is taken away.
        """
        known = ANSWERS.forms[form].children
        body, ignored = dict(into or {}), []
        for name, value in sent.items():
            child = known.get(name)
            if child is None:
                ignored.append(name)
                continue
            before = None if child.needed else body.get(name)
            taken = self._taken(kind, name, child.form, value, before=before)
            if taken in ("", {}, []) and not child.needed:
                body.pop(name, None)
                continue
            body[name] = taken
            for rival in child.rivals:
                body.pop(rival, None)
        return body, ignored

    def _taken(self, kind: str, name: str, form: str, value: Any, *, before: Any) -> Any:
        if isinstance(value, list):
            return [self._taken(kind, name, form, each, before=None) for each in value]
        if form.startswith("ref"):
            if before is not None and not any(value.values()):
                return {}
            return self.resolve(name, value, in_kind=kind, own=kind)
        if isinstance(value, dict):
            inner = {key: each for key, each in value.items() if key != "#"}
            return self.take(kind, form, inner, into=before if name.startswith(("SalesOr", "SalesAnd")) else None)[0]
        return figures.normal(form, value)


def _list_ids(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _list_ids(each)
    elif isinstance(value, dict):
        if set(value) == {"ListID"}:
            yield value["ListID"]
        else:
            for member in value.values():
                yield from _list_ids(member)
