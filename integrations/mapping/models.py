"""How VALUES change for this tenant: templates for all, mappings of one tenant, value tables, agreements."""

from __future__ import annotations

from django.db import models

from integrations.crosswalk.models import Identity
from plumbing.ids import new_id
from tenants.owned import TenantField, TenantForeignKey, TenantOwned


class Template(models.Model):
    """Ready flows and rules for a pair of systems; a version never changes once it is published."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(max_length=80)
    version = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    source = models.SlugField(max_length=60)
    target = models.SlugField(max_length=60)
    body = models.JSONField()
    shipped = models.BooleanField(default=False, editable=False)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("slug", "version"), name="one_template_version"),)
        ordering = ("slug", "-version")

    def __str__(self) -> str:
        return f"{self.name} (version {self.version})"


class ValueTable(TenantOwned):
    """What a value of the source is called in the target: country codes, tax codes, terms."""

    name = models.SlugField(max_length=80)
    entries = models.JSONField(default=dict, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "name"), name="value_table_name"),)

    def __str__(self) -> str:
        return self.name


class Mapping(TenantOwned):
    """A template's rules for one flow, with the tenant's own answers and changes on top."""

    name = models.CharField(max_length=200)
    template = models.ForeignKey(Template, null=True, blank=True, on_delete=models.PROTECT)
    template_flow = models.CharField(max_length=80, blank=True)
    kind_from = models.SlugField(max_length=40, db_index=False)
    kind_to = models.SlugField(max_length=40, db_index=False)
    answers = models.JSONField(default=dict, blank=True)
    changes = models.JSONField(default=dict, blank=True)
    edition = models.PositiveIntegerField(default=0, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "name"), name="mapping_name"),)

    def __str__(self) -> str:
        return self.name


class MappingEdition(TenantOwned):
    """The rules and the value tables that they use, as they stood for a time: what a past figure was made with."""

    mapping = TenantForeignKey(Mapping, on_delete=models.CASCADE)
    edition = models.PositiveIntegerField()
    rules = models.JSONField()
    # Name of the table → its entries.
    tables = models.JSONField(default=dict)
    saved_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "mapping", "edition"), name="one_edition"),)

    def __str__(self) -> str:
        return f"{self.mapping}, edition {self.edition}"


class Agreement(TenantOwned):
    """Both sides' mapped fields as they last agreed: what tells our change from theirs."""

    tenant = TenantField(db_constraint=False)
    mapping = TenantForeignKey(Mapping, on_delete=models.CASCADE)
    identity = TenantForeignKey(Identity, on_delete=models.CASCADE)
    edition = models.PositiveIntegerField()
    source = models.TextField()
    target = models.TextField()
    agreed_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "mapping", "identity"), name="one_agreement"),)
