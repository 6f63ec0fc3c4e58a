"""What can be done to a company's books: create, read, update, void, delete, in one call or in a batch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from integrations.simulation.store import Row

from . import ledger, lists, query, settlement, transactions
from .company import Body, Company, check_lengths
from .entities import ENTITIES, READ_ONLY, Entity
from .faults import Fault
from .properties import accept
from .settings_entities import company_info, preferences, save_exchange_rate, save_preferences

Did = Callable[[str, str, str], None]  # operation, kind, id

BATCH_LIMIT = 30
CDC_LIMIT = 1000


class Books:
    """The operations of the API on one company; every refusal is a Fault and leaves nothing behind."""

    def __init__(self, company: Company, did: Did) -> None:
        self.company, self._did = company, did

    # reading

    def read(self, entity: Entity, id: str) -> Body:
        """One document; raises Fault 610."""
        if entity.name == "CompanyInfo":
            return company_info(self.company)
        return self.company.show(entity, self.company.row(entity, id))

    def query(self, text: str) -> Body:
        """The value of QueryResponse."""
        asked = query.parse(text)
        if asked.entity.name in ("CompanyInfo", "Preferences"):
            found = company_info(self.company) if asked.entity.name == "CompanyInfo" else preferences(self.company)
            return {asked.entity.name: [found], "startPosition": 1, "maxResults": 1}
        return query.run(self.company, text)

    def changes(self, names: list[str], since: int) -> list[Body]:
        """Per entity what changed since then, deleted transactions as stubs; cut off at 1000 objects in all."""
        company = self.company
        if company.settings.cdc_days is not None:
            earliest = company.now() - int(timedelta(days=company.settings.cdc_days).total_seconds())
            since = max(since, earliest)
        left, found = CDC_LIMIT, []
        for name in names:
            entity = next((known for known in ENTITIES.values() if known.name.lower() == name.lower()), None)
            if entity is None or not entity.in_cdc:
                raise Fault("4001", f"QueryValidationError: invalid context declaration: {name}")
            where = "changed >= ? order by changed, cast(id as integer) limit ?"  # oldest first (recorded)
            rows = company.store.rows(company.realm, entity.name, where, since, left)
            left -= len(rows)
            shown = [row.body if row.gone else company.show(entity, row) for row in rows]
            found.append({entity.name: shown, "startPosition": 1, "maxResults": len(rows)} if rows else {})
        return found

    # writing

    def write(self, entity: Entity, body: Body, *, operation: str = "", include: str = "") -> Body:
        """Carries out one POST to an entity, whole or not at all; returns the entity as the answer shows it."""
        with self.company.store.transaction():
            body = accept(entity.name, body)
            if entity.void and f"operation={operation}" == entity.void:
                return self._void(entity, body)
            if operation == "update" and include == "void" and entity.void == "include=void":
                return self._void(entity, body)
            if operation == "delete":
                return self._delete(entity, body)
            if operation not in ("", "create", "update") or include not in ("", "allowduplicatedocnum"):
                raise Fault("500", f"Operation {operation or include} is not supported.")
            if entity.name == "Preferences":
                self._did("update", entity.name, "1")
                return save_preferences(self.company, body)
            if entity.name == "ExchangeRate":
                self._did("update", entity.name, body.get("SourceCurrencyCode", ""))
                return save_exchange_rate(self.company, body)
            return self._save(entity, body)

    def batch(self, items: Any) -> list[Body]:
        """Each item by itself: the entity, a QueryResponse or its own Fault; raises Fault 1040 for too many."""
        if not isinstance(items, list) or not items:
            raise Fault(
                "2020", "Required parameter BatchItemRequest is missing in the request", element="BatchItemRequest"
            )
        if len(items) > BATCH_LIMIT:
            raise Fault("1040", f"The maximum number of batch items is {BATCH_LIMIT}. Supplied:{len(items)}")
        return [self._batch_item(item) for item in items]

    def send(self, entity: Entity, id: str, to: str | None) -> Body:
        """Notes that the form was e-mailed; raises Fault 2020 without an address."""
        row = self.company.row(entity, id)
        address = to or row.body.get("BillEmail", {}).get("Address")
        if not address:
            raise Fault("2020", "Required parameter BillEmail is missing in the request", element="BillEmail")
        delivery = {"DeliveryType": "Email", "DeliveryTime": self.company.moment(self.company.now())}
        changes = {"EmailStatus": "EmailSent", "BillEmail": {"Address": address}, "DeliveryInfo": delivery}
        self._did("send", entity.name, id)
        return self.company.touch(entity, row, changes, new_version=True).body

    def _batch_item(self, item: Body) -> Body:
        mark = {"bId": item.get("bId", "")} if isinstance(item, dict) else {}
        try:
            if "Query" in item:
                return {"QueryResponse": self.query(item["Query"]), **mark}
            entity = next((ENTITIES[name] for name in item if name in ENTITIES), None)
            operation = item.get("operation")
            if entity is None or operation not in ("create", "update", "delete"):
                raise Fault("500", f"Operation {operation} is not supported in a batch.")
            body = item[entity.name]
            check_batch_operation(operation, body)
            return {entity.name: self.write(entity, body, operation=operation), **mark}
        except Fault as fault:
            return {"Fault": fault.body(), **mark}

    def _save(self, entity: Entity, sent: Body) -> Body:
        company = self.company
        sparse = sent.pop("sparse", False)
        id, version = sent.pop("Id", None), sent.pop("SyncToken", None)
        sent = {name: value for name, value in sent.items() if name not in READ_ONLY}
        check_lengths(entity, sent)
        old = None
        # Clients that write every member of their objects create with Id 0 or an empty one.
        if id and id != "0":
            if "update" not in entity.operations:
                raise Fault("500", f"Operation update is not supported for {entity.name}.")
            old = company.current(entity, {"Id": id} | ({"SyncToken": version} if version is not None else {}))
        elif "create" not in entity.operations:
            raise Fault("500", f"Operation create is not supported for {entity.name}.")
        base = _kept(entity, old.body, sent, sparse=bool(sparse)) if old else {}
        body = _without_blanks({**base, **sent})
        if entity.name == "Attachable":
            _check_attachable(company, body)
        company.resolve(entity, body, old.body if old else None)
        if entity.family == "transaction":
            row = self._save_transaction(entity, body, old)
        elif entity.name == "Attachable":
            row = company.save(entity, body, old)
        else:
            row = company.save(entity, lists.prepare(company, entity, body, old), old)
        self._did("update" if old else "create", entity.name, row.id)
        return company.show(entity, row)

    def _save_transaction(self, entity: Entity, body: Body, old: Row | None) -> Row:
        company, kind = self.company, entity.name
        if old is not None:
            transactions.check_period(company, old.body["TxnDate"])
            settlement.check_not_deposited(company, kind, old.id)
        body = transactions.prepare(company, entity, body, old)
        if old is not None:
            settled = ("Balance", "RemainingCredit", "HomeBalance", "UnappliedAmt")
            held = {name: old.body[name] for name in (*settled, "LinkedTxn") if name in old.body}
            # What is open of the same total is still open: an update without change is none.
            same = body.get("TotalAmt") == old.body.get("TotalAmt")
            body = {
                **body,
                **{name: each for name, each in held.items() if name not in body or (same and name in settled)},
            }
        row = company.save(entity, body, old)
        if row is old:
            return row
        self._post(kind, row.id, old.body if old else None, row.body)
        return settlement.settle(company, kind, row)

    def _void(self, entity: Entity, body: Body) -> Body:
        company = self.company
        row = company.current(entity, body)
        transactions.check_period(company, row.body["TxnDate"])
        settlement.check_not_deposited(company, entity.name, row.id)
        settlement.release(company, entity.name, row.id)
        row = company.row(entity, row.id)
        void = transactions.voided({**row.body, "LinkedTxn": []} if "LinkedTxn" in row.body else row.body)
        self._post(entity.name, row.id, row.body, void)
        row = company.touch(entity, row, void, new_version=True)
        self._did("void", entity.name, row.id)
        return row.body

    def _delete(self, entity: Entity, body: Body) -> Body:
        company = self.company
        if "delete" not in entity.operations:
            raise Fault("500", f"Operation delete is not supported for {entity.name}.")
        if "Id" not in body:
            raise Fault("2020", "Required parameter Id is missing in the request", element="Id")
        # Attachables are deleted without a version (recorded).
        row = company.row(entity, body["Id"]) if entity.name == "Attachable" else company.current(entity, body)
        if entity.family == "transaction":
            transactions.check_period(company, row.body["TxnDate"])
            settlement.check_not_deposited(company, entity.name, row.id)
            settlement.release(company, entity.name, row.id)
            self._post(entity.name, row.id, row.body, None)
        self._did("delete", entity.name, row.id)
        return company.remove(entity, row)

    def _post(self, kind: str, id: str, old: Body | None, new: Body | None) -> None:
        """Moves the ledger and what the parties owe from the old version of a document to the new one."""
        ledger.post(self.company, kind, id, new)
        before = ledger.owed(kind, old) if old else {}
        after = ledger.owed(kind, new) if new else {}
        for party in {**before, **after}:
            amount = after.get(party, Decimal()) - before.get(party, Decimal())
            if amount:
                lists.owe_more(self.company, ENTITIES[party[0]], party[1], amount)


def check_batch_operation(operation: str, body: Any) -> None:
    """Raises Fault 2020 for an update without Id: in a batch the operation is said, not guessed."""
    if operation == "update" and not (isinstance(body, dict) and body.get("Id")):
        raise Fault("2020", "Required parameter Id is missing in the request", element="Id")


def _kept(entity: Entity, old: Body, sent: Body, *, sparse: bool) -> Body:
    """What an update starts from: everything if sparse; otherwise only what the vendor does not let go of (recorded)."""
    mine = {
        name: value
        for name, value in old.items()
        if name not in READ_ONLY and name not in ("Id", "SyncToken", "sparse")
    }
    if sparse:
        # New lines are taxed anew; the old sum does not overrule theirs.
        return {name: value for name, value in mine.items() if name != "TxnTaxDetail" or "Line" not in sent}
    kept = ("CurrencyRef", "ExchangeRate", "DocNumber", "Active", "Type", "AccountType", "AccountSubType", "Taxable",
            "DefaultTaxCodeRef", "DepositToAccountRef", "PrintStatus", "EmailStatus")  # fmt: skip
    return {name: mine[name] for name in kept if name in mine}


def _without_blanks(body: Body) -> Body:
    """An empty text blanks a property."""
    clean: Body = {}
    for name, value in body.items():
        if isinstance(value, dict):
            value = _without_blanks(value)
            if not value and name != "SubTotalLineDetail":
                continue
        elif isinstance(value, list):
            value = [_without_blanks(member) if isinstance(member, dict) else member for member in value]
        elif value == "":
            continue
        clean[name] = value
    return clean


def _check_attachable(company: Company, body: Body) -> None:
    if not body.get("Note") and not body.get("FileName"):
        raise Fault("2020", "Required parameter Note or FileName is missing in the request", element="Note")
    for ref in body.get("AttachableRef", []):
        target = ref.get("EntityRef", {})
        entity = ENTITIES.get(target.get("type", ""))
        row = company.store.get(company.realm, entity.name, target.get("value", "")) if entity else None
        if row is None or row.gone:
            words = f"The entity {target.get('type')} {target.get('value')} that you are trying to link does not exist."
            raise Fault(
                "6000", f"Business Validation Error: {words} {target.get('type')} {target.get('value')}", element=""
            )
        ref.setdefault("IncludeOnSend", False)
