"""How allauth signs people in here: nobody registers himself, and second factors are sealed."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter

from plumbing import sealing

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
