"""What the server refuses with, and how both protocols say it."""

from __future__ import annotations

from typing import Any


class Fault(Exception):
    """A refusal: the exception's name on the server, the XML-RPC fault code, and the words."""

    name = "builtins.ValueError"
    code = 1  # any exception that the server does not know by kind: the words are a traceback

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words

    def xml_words(self) -> str:
        return traceback(self) if self.code == 1 else self.words

    def old_code(self) -> str:
        """The code of a fault at the older XML-RPC address: a text that says what went wrong."""
        return f"warning -- {type(self).__name__}\n\n{self.words}" if self.code == 2 else self.words

    def json_error(self) -> dict[str, Any]:
        """The member `error` of a JSON-RPC answer."""
        data = {
            "name": self.name,
            "debug": traceback(self),
            "message": self.words,
            "arguments": [self.words],
            "context": {},
        }
        return {"code": 200, "message": "Odoo Server Error", "data": data}


class BadValue(Fault):
    """An unknown field, a value outside a selection, a date that is none."""


class BadType(Fault):
    """Arguments that the method does not take."""

    name = "builtins.TypeError"


class NoMethod(Fault):
    name = "builtins.AttributeError"


class NoDatabase(Fault):
    """PostgreSQL's own words, since nothing stands between it and the caller."""

    name = "psycopg2.OperationalError"


class UserError(Fault):
    """A business rule says no."""

    name = "odoo.exceptions.UserError"
    code = 2


class ValidationError(UserError):
    """A constraint says no."""

    name = "odoo.exceptions.ValidationError"


class MissingError(UserError):
    """The record is not there any more."""

    name = "odoo.exceptions.MissingError"


class AccessDenied(Fault):
    """Nobody is known by this login and secret."""

    name = "odoo.exceptions.AccessDenied"
    code = 3

    def __init__(self) -> None:
        super().__init__("Access Denied")


class AccessError(Fault):
    """Somebody, but somebody who may not."""

    name = "odoo.exceptions.AccessError"
    code = 4


class SessionExpired(Fault):
    """Only the addresses that live on a cookie know it."""

    name = "odoo.http.SessionExpiredException"

    def json_error(self) -> dict[str, Any]:
        return super().json_error() | {"code": 100, "message": "Odoo Session Expired"}


def traceback(fault: Fault) -> str:
    """The last lines of what the server prints, in its shape."""
    name = fault.name.removeprefix("builtins.")
    return f'Traceback (most recent call last):\n  File "simulator", line 1, in dispatch\n{name}: {fault.words}\n'
