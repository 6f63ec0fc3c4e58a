"""The companies of the demo; the simulated QuickBooks Online keeps books in their names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Company:
    """A company of the demo."""

    slug: str
    name: str
    currency: str
    zone: str
    tax_code: str

    def address_of(self, role: str) -> str:
        """The email address of its person in this role."""
        return f"{role}@{self.slug}.example"


# The first has sales to bring; the second is there to see that neither sees the other.
COMPANIES = (
    Company(
        slug="harbour-pine", name="Harbour & Pine Ltd", currency="GBP", zone="Europe/London", tax_code="No VAT"
    ),
    Company(
        slug="larkspur", name="Larkspur Trading Co.", currency="USD", zone="America/Los_Angeles", tax_code="NON"
    ),
)  # fmt: skip
