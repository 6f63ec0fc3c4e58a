"""What makes a model a tenant's: the field, the managers and the base class."""

from typing import Any
from uuid import UUID

from django.db import models
from django.db.models.sql.compiler import SQLCompiler

from plumbing import roles, scope
from plumbing.ids import new_id
from tenants.scope import NoTenantInScope, WrongTenant, current_tenant_id


class CurrentTenant(models.Expression):
    """The tenant in scope at the moment the SQL is written, wherever and whenever the query was built."""

    output_field = models.UUIDField()

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> Any:
        tenant = current_tenant_id()
        if not connection.in_atomic_block:
            raise NoTenantInScope(
                "The database learns of a tenant by the transaction: open `with transaction.atomic():` too."
            )
        return "%s", [tenant]


class TenantManager(models.Manager):
    """Sees the rows of the tenant in scope, and raises NoTenantInScope without one."""

    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(tenant_id=CurrentTenant())


class Dispatching(models.Expression):
    """True, but only inside `with dispatch():`."""

    output_field = models.BooleanField()
    conditional = True

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> Any:
        if not roles.is_dispatching():
            raise NoTenantInScope("This query crosses tenants: it belongs inside `with dispatch():`.")
        return "true", []


class EverywhereManager(models.Manager):
    """Sees every tenant's rows inside `with dispatch():`, of which only the granted columns may be named."""

    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(Dispatching())


class TenantField(models.ForeignKey):
    """The owner of a row: the tenant in scope. Saving under another tenant's scope raises WrongTenant.

    With `db_constraint=False` the tenant is held by what the row refers to, whose owner it is too: where pages of rows are
    written, one check less for each of them.
    """

    def __init__(self, **kwargs: Any) -> None:
        fixed: dict[str, Any] = {
            "to": "tenants.Tenant",
            "on_delete": models.PROTECT,
            "related_name": "+",
            "editable": False,
            "db_index": False,  # UNIQUE (tenant_id, id) begins with it
            "default": scope.current,
        }
        super().__init__(**fixed | kwargs)

    def deconstruct(self) -> Any:
        name, path, _, fixed = super().deconstruct()
        return name, path, [], {"db_constraint": False} if "db_constraint" in fixed else {}

    def pre_save(self, instance: models.Model, add: bool) -> UUID:
        tenant, owner = current_tenant_id(), getattr(instance, self.attname)
        if owner is None:
            setattr(instance, self.attname, tenant)
        elif owner != tenant:
            raise WrongTenant(f"{instance._meta.label} {instance.pk} belongs to tenant {owner}; the scope is {tenant}.")
        return tenant


class TenantForeignKey(models.ForeignKey):
    """A reference between two tables of one tenant; `SecureTenantTables` holds it with (tenant_id, x_id) → (tenant_id, id).

    A plain constraint would let a row of one tenant point at another's, for foreign-key checks pass row-level security.
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        kwargs["db_index"] = False  # the operation makes one that begins with tenant_id
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        kwargs.pop("db_index", None)
        return name, path, args, kwargs


class TenantOwned(models.Model):
    """A row that belongs to one tenant. End its migration with `SecureTenantTables()`, and refer with `TenantForeignKey`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = TenantField()

    objects = TenantManager()
    everywhere = EverywhereManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        default_manager_name = "objects"

    def validate_constraints(self, exclude: Any = None) -> None:
        # No form shows the tenant, but it is known; leaving it out would skip every "unique within the tenant".
        super().validate_constraints(exclude=set(exclude or ()) - {"tenant"})
