"""What every tenant-owned model must be; found at start, before a query can go astray."""

from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, register

from plumbing.rowlevel import is_tenant_owned, references
from tenants.owned import TenantForeignKey, TenantManager, TenantOwned


@register()
def tenant_owned_models_are_locked(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Each inherits TenantOwned, keeps its managers, refers by TenantForeignKey, and has no table of pairs without a tenant."""
    problems: list[CheckMessage] = []
    for model in apps.get_models():
        if not is_tenant_owned(model):
            continue
        for problem, hint in _problems(model):
            problems.append(Error(problem, hint=hint, obj=model, id="tenants.E001"))
    return problems


def _problems(model: Any) -> Any:
    if not issubclass(model, TenantOwned):
        yield "A model with a tenant must inherit TenantOwned.", None
        return
    if not all(isinstance(manager, TenantManager) for manager in (model._base_manager, model._default_manager)):
        yield "Its managers let queries out of the tenant.", "Extend TenantManager, and name it `objects`."
    for field in references(model):
        if not isinstance(field, TenantForeignKey):
            yield f"{field.name} may point at another tenant's row.", "Make it a TenantForeignKey."
    for field in model._meta.local_many_to_many:
        if not is_tenant_owned(field.remote_field.through):
            yield f"{field.name} keeps its pairs without a tenant.", "Give it a tenant-owned `through` model."
