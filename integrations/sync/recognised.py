"""Recognised: records of the source that were told to stand at the target already are linked, with an entry in the trail."""

from __future__ import annotations

from collections.abc import Iterable

from integrations.crosswalk import who
from integrations.crosswalk.models import Link
from integrations.records.models import Record
from integrations.sync.match import Matches
from integrations.sync.models import Flow
from tenants import audit


def link_recognised(flow: Flow, records: Iterable[Record], matches: Matches) -> None:
    """Link those of these records that were recognised at the target. Inside a transaction."""
    recognised = {
        record.external_id: (record, matches.recognised[record.external_id])
        for record in records
        if record.external_id in matches.recognised
    }
    if not recognised:
        return
    links = {target_id: matches.identities[name] for name, (_, target_id) in recognised.items()}
    who.link(links, at=flow.target, object=flow.target_object, how=Link.How.MATCHED)
    audit.record_many(
        audit.Entry(
            verb="record.matched",
            subject=record,
            data={
                "flow": str(flow.pk),
                "identity": str(matches.identities[name]),
                "target": {
                    "connection": str(flow.target_id),
                    "object": flow.target_object,
                    "external_id": target_id,
                },
            },
        )
        for name, (record, target_id) in recognised.items()
    )
