"""An index of the rooms: where each table of the platform's main application stands."""

from integrations.connections.knocks import Bell, Knock
from integrations.connections.locks import LockDates
from integrations.connections.models import Budget, Caller, Connection, Errand, VendorApp, Visit
from integrations.connections.outstanding import Outstanding
from integrations.crosswalk.models import Apart, Identity, Link, Origin
from integrations.mapping.models import Agreement, Mapping, MappingEdition, Template, ValueTable
from integrations.records.models import Issue, Record, Sighting, Stream
from integrations.sync.arrivals import Arrivals
from integrations.sync.closing import MovedDay, PeriodRule
from integrations.sync.erased import ErasedPerson
from integrations.sync.models import Call, CallIntent, Flow, Intent, Item, Run
from integrations.sync.publications import Publication

__all__ = (
    "Agreement",
    "Apart",
    "Bell",
    "Arrivals",
    "Budget",
    "Call",
    "CallIntent",
    "Caller",
    "Connection",
    "ErasedPerson",
    "Errand",
    "Flow",
    "Identity",
    "Intent",
    "Issue",
    "Item",
    "Knock",
    "Link",
    "LockDates",
    "Mapping",
    "MappingEdition",
    "MovedDay",
    "Origin",
    "Outstanding",
    "PeriodRule",
    "Publication",
    "Record",
    "Run",
    "Sighting",
    "Stream",
    "Template",
    "ValueTable",
    "VendorApp",
    "Visit",
)
