"""One company file: its settings, its documents, its references, its time."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from integrations.simulation.clock import Clock
from integrations.simulation.simulator import epoch
from integrations.simulation.store import Row, Store

from .entities import CURRENCIES, ENTITIES, LENGTHS, NAMELESS, REFERS_TO, Entity
from .faults import INACTIVE, STALE, Fault

Body = dict[str, Any]

SCHEMA = """
create table if not exists unique_name (
    space text not null, family text not null, name text not null, kind text not null, id text not null,
    primary key (space, family, name)
) without rowid;
create index if not exists unique_name_owner on unique_name (space, kind, id);
create index if not exists document_number on document (space, kind, json_extract(body, '$.DocNumber'));
create index if not exists document_display on document (space, kind, json_extract(body, '$.DisplayName'));
create index if not exists document_customer on document (space, kind, json_extract(body, '$.CustomerRef.value'));
create index if not exists document_day on document (space, kind, json_extract(body, '$.TxnDate'));
"""


@dataclass(slots=True, kw_only=True)
class Settings:
    """What the owner of the company has chosen in QuickBooks."""

    name: str
    country: str  # US, GB, ...
    currency: str
    zone: str
    multicurrency: bool = False
    automated_sales_tax: bool = False  # US: the vendor works the tax out and overrides what is sent
    custom_numbers: bool = False  # numbers of sales forms are the user's affair
    forbid_duplicate_numbers: bool = False
    book_close_date: str | None = None
    close_password: bool = False
    custom_fields: list[str] = field(default_factory=list)  # names of the sales form fields in use
    default_term_days: int = 30
    default_tax_code: str | None = None
    cdc_days: int | None = 30  # how far change data capture looks back
    accounts: dict[str, str] = field(default_factory=dict)  # role -> account id

    @property
    def is_us(self) -> bool:
        return self.country == "US"


class Company:
    """A company's documents as the API shows them. Ids are text; amounts are Decimals in the document's currency."""

    def __init__(self, store: Store, clock: Clock, realm: str) -> None:
        self.store, self.clock, self.realm = store, clock, realm
        self.settings = Settings(**store.setting(f"company {realm}"))
        self.zone = ZoneInfo(self.settings.zone)

    def keep_settings(self) -> None:
        self.store.set(f"company {self.realm}", asdict(self.settings))

    # time

    def now(self) -> int:
        return epoch(self.clock.now())

    def moment(self, seconds: int) -> str:
        """With the company's own offset, as the vendor writes it."""
        return datetime.fromtimestamp(seconds, self.zone).isoformat()

    def today(self) -> str:
        return self.clock.now().astimezone(self.zone).date().isoformat()

    # documents

    def row(self, entity: Entity, id: str) -> Row:
        """The document as kept; raises Fault 610 if there is none or no longer, 2030 if the id is no number."""
        if not re.fullmatch(r"\d+", id) and entity.name != "TaxCode":
            raise Fault("2030", f"Id should be a valid number. Supplied value:{id}", element="Id")
        row = self.store.get(self.realm, entity.name, id)
        if row is None or row.gone:
            raise Fault("610", INACTIVE, element="")
        return row

    def current(self, entity: Entity, body: Body) -> Row:
        """The document that a body with Id and SyncToken means; raises Fault 5010 if it has changed since."""
        if "SyncToken" not in body:
            raise Fault("2020", "Required parameter SyncToken is missing in the request", element="SyncToken")
        row = self.row(entity, body["Id"])
        if body["SyncToken"] != str(row.version):
            raise Fault("5010", STALE, element="")
        return row

    def show(self, entity: Entity, row: Row) -> Body:
        """The document as an answer shows it."""
        if entity.name != "Account":
            return row.body
        balance = shown(self.account_balance(row.id))
        return {**row.body, "CurrentBalance": balance, "CurrentBalanceWithSubAccounts": balance}

    def account_balance(self, account: str) -> Decimal:
        """In the home currency, as the vendor signs it: positive on the account's usual side."""
        found = self.store.run("select amount from account_balance where space=? and account=?", self.realm, account)
        debit = Decimal(found[0][0]) / 10000 if found else Decimal()
        row = self.store.get(self.realm, "Account", account)
        usual_debit = row is not None and row.body["Classification"] in ("Asset", "Expense")
        return debit if usual_debit else -debit

    def save(self, entity: Entity, body: Body, old: Row | None = None, *, id: str | None = None) -> Row:
        """Keeps a new document, or a new version of one unless nothing has changed; names it uniquely."""
        now = self.now()
        if old is not None and _content(body) == _content(old.body):
            return old
        number = old.id if old else id or str(self.store.next(f"{self.realm} {entity.sequence or entity.name}"))
        row = Row(
            id=number,
            version=old.version + 1 if old else 0,
            created=old.created if old else now,
            changed=now,
            active=body.get("Active") is not False,
            gone=False,
            body=body,
        )
        self._sign(row)
        self._claim_name(entity, row)
        self.store.put(self.realm, entity.name, row)
        return row

    def adopt(self, entity: Entity, body: Body) -> Row:
        """Takes a document over as another company showed it, with its id, version and times; nothing is checked or posted."""
        times = body.get("MetaData", {})
        created, changed = (
            epoch(datetime.fromisoformat(times[name])) if name in times else self.now()
            for name in ("CreateTime", "LastUpdatedTime")
        )
        active = body.get("Active") is not False
        row = Row(
            body["Id"],
            int(body.get("SyncToken", 0)),
            created,
            changed,
            active,
            False,
            _content(body, computed=("CurrentBalance", "CurrentBalanceWithSubAccounts")),
        )
        self._sign(row)
        self.store.put(self.realm, entity.name, row)
        if row.id.isdigit():
            self.store.raise_counter(f"{self.realm} {entity.sequence or entity.name}", int(row.id))
        self._claim_name(entity, row)
        return row

    def touch(self, entity: Entity, row: Row, changes: Body, *, new_version: bool) -> Row:
        """Changes what the vendor itself keeps up in a document, such as a balance."""
        version = row.version + 1 if new_version else row.version
        row = Row(row.id, version, row.created, self.now(), row.active, row.gone, {**row.body, **changes})
        self._sign(row)
        self.store.put(self.realm, entity.name, row)
        return row

    def remove(self, entity: Entity, row: Row) -> Body:
        """Deletes a document; what is left is the stub that change data capture shows."""
        stub = {"domain": "QBO", "status": "Deleted", "Id": row.id}
        stamp = {"MetaData": {"LastUpdatedTime": self.moment(self.now())}}
        gone = Row(row.id, row.version + 1, row.created, self.now(), row.active, True, {**stub, **stamp})
        self.store.put(self.realm, entity.name, gone)
        return stub

    def _sign(self, row: Row) -> None:
        times = {"CreateTime": self.moment(row.created), "LastUpdatedTime": self.moment(row.changed)}
        row.body.update(domain="QBO", sparse=False, Id=row.id, SyncToken=str(row.version), MetaData=times)

    # names

    def _claim_name(self, entity: Entity, row: Row) -> None:
        if entity.family not in ("name", "list") or entity.name in ("TaxRate", "TaxCode"):
            return
        # A sub-customer may be called like another customer: the whole name counts (recorded).
        name = str(
            row.body.get("FullyQualifiedName")
            or row.body.get(entity.label)
            or row.body.get("DisplayName")
            or row.body["Code"]
        )
        family = "name" if entity.family == "name" else entity.name
        taken = self.store.run(
            "select kind, id from unique_name where space=? and family=? and name=?", self.realm, family, _folded(name)
        )
        if taken and taken[0] != (entity.name, row.id):
            raise Fault("6240", "The name supplied already exists. : null")
        if not taken:
            self.store.run("delete from unique_name where space=? and kind=? and id=?", self.realm, entity.name, row.id)
            values = (self.realm, family, _folded(name), entity.name, row.id)
            self.store.run("insert into unique_name values (?,?,?,?,?)", *values)

    # references

    def resolve(self, entity: Entity, body: Body, old: Body | None = None) -> None:
        """Checks every reference in the body and writes the names that answers carry.

        References that the old version already held may have become inactive since.
        Raises Fault 2500 (not found), 6250 and 610 (inactive), 6100 (tax code).
        """
        held = frozenset(_references(entity, old)) if old else frozenset()
        self._resolve(entity, body, held)

    def _resolve(self, entity: Entity, value: Any, held: frozenset[tuple[str, str]]) -> None:
        if isinstance(value, list):
            for member in value:
                self._resolve(entity, member, held)
            return
        if not isinstance(value, dict):
            return
        for name, member in value.items():
            target = _target(entity, name, value)
            if target and isinstance(member, dict):
                value[name] = self._reference(name, target, member, held)
            else:
                self._resolve(entity, member, held)

    def _reference(self, name: str, target: str, ref: Body, held: frozenset[tuple[str, str]]) -> Body:
        id = ref.get("value", "")
        row = self.store.get(self.realm, target, id)
        if name == "TaxCodeRef" and self.settings.is_us != (id in ("TAX", "NON")):
            raise Fault(
                "6100", f"Invalid tax code. The tax code id {id} is not one that lines of this company can have"
            )
        if name == "ItemRef" and id == "SHIPPING_ITEM_ID":
            return {"value": id}
        if row is None or row.gone:
            if target == "TaxCode":
                raise Fault("6100", f"Invalid tax code. Tax code id {id} was not found")
            raise Fault("2500", f"Invalid Reference Id : {target}s element id {id} not found", element=name)
        if not row.active and (target, id) not in held:
            if target == "Customer":
                raise Fault("6250", f"Customer {id} is inactive", element=name)
            raise Fault("610", INACTIVE, element=name)
        if "type" in ref:
            return {"value": id, "type": ref["type"]}
        return {"value": id} if name in NAMELESS else {"value": id, "name": _name_of(row.body)}

    # money and text

    def currency_of(self, body: Body) -> str:
        return str(body.get("CurrencyRef", {}).get("value") or self.settings.currency)

    def check_currency(self, code: str) -> Body:
        """The reference to a currency that the company may use; raises Fault 6000 otherwise."""
        if code != self.settings.currency:
            if not self.settings.multicurrency:
                raise Fault(
                    "6000", "Business Validation Error: Multi currency should be enabled to perform this operation."
                )
            if not self.store.rows(self.realm, "CompanyCurrency", "active and json_extract(body, '$.Code')=?", code):
                raise Fault("6000", f"Business Validation Error: The currency {code} is not active in this company.")
        return {"value": code, "name": CURRENCIES.get(code, code)}

    def rate(self, currency: str, day: str) -> Decimal:
        """Units of home currency for one of `currency` on that day, as last entered; 1 where none is known."""
        if currency == self.settings.currency:
            return Decimal(1)
        rows = self.store.rows(
            self.realm,
            "ExchangeRate",
            "json_extract(body, '$.SourceCurrencyCode')=? and json_extract(body, '$.AsOfDate')<=?"
            " order by json_extract(body, '$.AsOfDate') desc limit 1",
            currency,
            day,
        )
        return Decimal(rows[0].body["Rate"]) if rows else Decimal(1)


def check_lengths(entity: Entity, body: Body, path: str = "") -> None:
    """Raises Fault 2050 for a text that is longer than the vendor takes."""
    for name, value in body.items():
        here = f"{path}.{name}".lstrip(".")
        if isinstance(value, str):
            most = LENGTHS.get(f"{entity.name}.{here}") or LENGTHS.get(here)
            if most and len(value) > most:
                raise Fault(
                    "2050",
                    f"String length specified does not match the supported length. Min:0 Max:{most} supported."
                    f" Supplied length:{len(value)}",
                    element=name,
                )
        elif isinstance(value, dict):
            check_lengths(entity, value, here)
        elif isinstance(value, list):
            for member in value:
                if isinstance(member, dict):
                    check_lengths(entity, member, here)


def digits(currency: str) -> int:
    """Decimals of the currency's amounts."""
    return {"JPY": 0, "BHD": 3}.get(currency, 2)


def rounded(amount: Decimal, places: int = 2) -> Decimal:
    """Half up, as the vendor rounds."""
    return amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def shown(amount: Decimal) -> Decimal | int:
    """An amount as the vendor prints it: 100.0, 26.06, 0."""
    if not amount:
        return 0
    plain = amount.normalize()
    exponent = plain.as_tuple().exponent
    return plain.quantize(Decimal("0.1")) if isinstance(exponent, int) and exponent >= 0 else plain


def trimmed(number: Decimal | int) -> Decimal | int:
    """A quantity, price or percentage as the vendor prints it: 75, 4.5."""
    plain = Decimal(number).normalize()
    return int(plain) if plain == plain.to_integral_value() else plain


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _name_of(body: Body) -> str:
    return str(body.get("FullyQualifiedName") or body.get("DisplayName") or body.get("Name") or "")


def _content(body: Body, computed: tuple[str, ...] = ()) -> Body:
    return {
        name: value
        for name, value in body.items()
        if name not in ("MetaData", "SyncToken", "sparse", "domain", "Id", *computed)
    }


def _target(entity: Entity, name: str, holder: Body) -> str | None:
    """The entity that a reference of this name points at; None for what is no checked reference."""
    if name == "ParentRef":
        return entity.name
    if name == "EntityRef":
        kind = holder.get("Type") or holder.get("EntityRef", {}).get("type")
        return str(kind) if kind in ENTITIES else None
    if name == "Entity" and "value" in holder[name]:  # of a line of a deposit: its type is in capitals
        kind = str(holder[name].get("type", "")).capitalize()
        return kind if kind in ENTITIES else None
    return REFERS_TO.get(name)


def _references(entity: Entity, value: Any) -> list[tuple[str, str]]:
    found = []
    if isinstance(value, list):
        for member in value:
            found += _references(entity, member)
    elif isinstance(value, dict):
        for name, member in value.items():
            target = _target(entity, name, value)
            if target and isinstance(member, dict):
                found.append((target, str(member.get("value", ""))))
            else:
                found += _references(entity, member)
    return found
