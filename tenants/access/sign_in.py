"""How allauth signs people in here: nobody registers himself, and second factors are sealed."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.db import transaction

from plumbing import sealing
from plumbing.roles import OWNER_ALIAS

SECOND_FACTOR = "mfa_authenticator.data"


class AccountAdapter(DefaultAccountAdapter):
    """People are invited by a tenant or made by the operator."""

    def is_open_for_signup(self, request: Any) -> bool:
        return False


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """The company's sign-in lets in whom somebody has already invited."""

    def is_open_for_signup(self, request: Any, sociallogin: Any) -> bool:
        return False


class SecondFactorAdapter(DefaultMFAAdapter):
    """Seeds of second factors and recovery codes lie sealed in allauth's table."""

    def encrypt(self, text: str) -> str:
        return sealing.seal(text, place=SECOND_FACTOR)

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.unseal(encrypted_text, place=SECOND_FACTOR)


def reseal_second_factors() -> int:
    """Seals every second factor under the newest key and gives how many there are."""
    from allauth.mfa.models import Authenticator  # this module is loaded before models are

    with transaction.atomic(OWNER_ALIAS):
        factors = list(Authenticator.objects.using(OWNER_ALIAS).select_for_update())
        for factor in factors:
            factor.data = _renewed(factor.data)
        Authenticator.objects.using(OWNER_ALIAS).bulk_update(factors, ["data"], batch_size=500)
    return len(factors)


def _renewed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _renewed(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_renewed(member) for member in value]
    if isinstance(value, str) and value.startswith(f"{sealing.VERSION}."):
        return sealing.renewed(value, place=SECOND_FACTOR)
    return value
