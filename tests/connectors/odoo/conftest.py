"""What the stories of the connector share."""

from tests.connectors.odoo.books import books, customer, item, sale, vendor

__all__ = ("books", "customer", "item", "sale", "vendor")
