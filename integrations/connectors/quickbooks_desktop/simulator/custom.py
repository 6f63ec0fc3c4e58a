"""Custom fields and private data: definitions by owner, and values beside list elements, documents and the company."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .company import Company
from .grammar import Body
from .kinds import ITEMS
from .settlement import document
from .statuses import bad_reference, name_taken, not_found

SCHEMA = """
create table if not exists extension (
    space text not null, record text not null, owner text not null, name text not null, value text not null,
    primary key (space, record, owner, name)
) without rowid;
"""
COMPANY = "company"  # the record that stands for the company file itself
_KINDS = {"Item": ITEMS}


def define(company: Company, sent: Body) -> Body:
    """A new field of an owner, on the kinds of records that were named; raises 3100."""
    fields = _fields(company)
    if any((each["OwnerID"], each["DataExtName"]) == (sent["OwnerID"], sent["DataExtName"]) for each in fields):
        raise name_taken(sent["DataExtName"])
    made: Body = {
        "OwnerID": sent["OwnerID"], "DataExtID": str(len(fields)), "DataExtName": sent["DataExtName"],
        "DataExtType": sent["DataExtType"], "AssignToObject": sent.get("AssignToObject", []),
        "DataExtListRequire": "false", "DataExtTxnRequire": "false", "DataExtFormatString": "",
    }  # fmt: skip
    company.store.set(f"fields {company.space}", [*fields, made])
    return made


def defined(company: Company, query: Body) -> list[Body]:
    owners, kinds = query.get("OwnerID"), query.get("AssignToObject")
    return [
        each for each in _fields(company)
        if (not owners or each["OwnerID"] in owners) and (not kinds or set(kinds) & set(each["AssignToObject"]))
    ]  # fmt: skip


def put(company: Company, sent: Body) -> Body:
    """Sets a field of a record; raises 3120 for the record, 3140 for a field that is not defined there."""
    record, kind = _record(company, sent)
    owner, name = sent["OwnerID"], sent["DataExtName"]
    field = next((each for each in _fields(company) if (each["OwnerID"], each["DataExtName"]) == (owner, name)), None)
    if field is None or not _assigned(kind, field["AssignToObject"]):
        raise bad_reference("DataExtName", name, "DataExt")
    keep(company, record, owner, name, sent["DataExtValue"])
    return {
        "OwnerID": owner,
        "DataExtName": name,
        "DataExtType": field["DataExtType"],
        "DataExtValue": sent["DataExtValue"],
    }


def take_away(company: Company, sent: Body) -> Body:
    record, _ = _record(company, sent)
    sql = "delete from extension where space = ? and record = ? and owner = ? and name = ? returning name"
    if not company.store.run(sql, company.space, record, sent["OwnerID"], sent["DataExtName"]):
        raise not_found(sent["DataExtName"])
    return {"OwnerID": sent["OwnerID"], "DataExtName": sent["DataExtName"]}


def keep(company: Company, record: str, owner: str, name: str, value: str) -> None:
    company.store.run("insert or replace into extension values (?,?,?,?,?)", company.space, record, owner, name, value)
    company.did("update", "DataExt", record)


def beside(company: Company, record: str, body: Body, owners: Collection[str]) -> Body:
    """The record with the values of these owners' fields."""
    if not owners:
        return body
    types = {(each["OwnerID"], each["DataExtName"]): each["DataExtType"] for each in _fields(company)}
    sql = "select owner, name, value from extension where space = ? and record = ? order by owner, name"
    found = [
        {
            "OwnerID": owner,
            "DataExtName": name,
            "DataExtType": types.get((owner, name), "STR255TYPE"),
            "DataExtValue": value,
        }
        for owner, name, value in company.store.run(sql, company.space, record)
        if owner.casefold() in {each.casefold() for each in owners}
    ]
    return {**body, "DataExtRet": found} if found else body


def _fields(company: Company) -> list[dict[str, Any]]:
    return list(company.store.setting(f"fields {company.space}", []))


def _record(company: Company, sent: Body) -> tuple[str, str]:
    if "OtherDataExtType" in sent:
        return COMPANY, "Company"
    if "TxnID" in sent:
        kind, row = document(company, sent["TxnID"])
        if kind != sent["TxnDataExtType"]:
            raise not_found(row.id)
        return row.id, kind
    wanted = sent["ListDataExtType"]
    kinds = _KINDS.get(wanted, (wanted,))
    reference = sent["ListObjRef"]
    id = reference.get("ListID") or company.named(kinds, reference.get("FullName", ""))
    if not id or company.kind_of(id) not in kinds:
        raise not_found(reference.get("ListID") or reference.get("FullName", ""))
    return id, company.kind_of(id)


def _assigned(kind: str, assigned: Collection[str]) -> bool:
    return kind in assigned or ("Item" in assigned and kind in ITEMS)
