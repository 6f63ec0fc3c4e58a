"""What each role may do, as data. A verb not listed here is nobody's."""

from django.db import models


class Role(models.TextChoices):
    """What a member is to a tenant."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Administrator"
    OPERATOR = "operator", "Operator"
    AUDITOR = "auditor", "Auditor"


READ = frozenset({"tenant.read", "record.read", "run.read", "audit.read"})
OPERATE = READ | {"run.start", "run.approve", "run.cancel", "issue.settle", "match.decide"}
ADMINISTER = OPERATE | {
    "connection.manage",
    "flow.manage",
    "mapping.manage",
    "schedule.manage",
    "client.manage",
    "record.push",
}
OWN = ADMINISTER | {"tenant.manage", "member.manage", "support.manage", "payload.erase", "audit.export"}

PERMISSIONS: dict[str, frozenset[str]] = {
    Role.OWNER: OWN,
    Role.ADMIN: ADMINISTER,
    Role.OPERATOR: OPERATE,
    Role.AUDITOR: READ | {"audit.export"},
}

# What a supporter is let in for: to see, never to do.
SUPPORT = READ
