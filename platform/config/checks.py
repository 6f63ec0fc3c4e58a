"""What `manage.py check --deploy` must refuse in an installation that others reach."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security, deploy=True)
def production_is_not_a_demo(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A demo's secrets lie in a file and its pages go over plain HTTP."""
    if not settings.DEMO:
        return []
    return [Error("This is a demo installation.", hint="Set DATABASE_URL and unset TIEOUT_DEMO.", id="tieout.E001")]


@register(Tags.security, deploy=True)
def sealing_keys_are_keys(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A key that cannot seal must be found before the first secret is stored."""
    from plumbing import sealing

    try:
        sealing.keyring()
    except sealing.BadKey as problem:
        return [
            Error(str(problem), hint="Each of TIEOUT_SEALING_KEYS is 32 bytes in URL-safe base64.", id="tieout.E002")
        ]
    return []


@register(Tags.security, deploy=True)
def audit_keys_are_keys(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A key that cannot sign must be found before the first event waits for its seal."""
    from tenants.audit import keys

    try:
        keys.ring()
    except keys.BadKey as problem:
        return [Error(str(problem), hint="Each of TIEOUT_AUDIT_KEYS is 32 bytes in URL-safe base64.", id="tieout.E003")]
    return []
