"""How QuickBooks says no inside an answer: a code, a severity and its own words."""

from __future__ import annotations

from .grammar import Body

OK, NOTHING_FOUND, NOT_ALL_FOUND, IGNORED = 0, 1, 500, 530


class Refusal(Exception):
    """One request is refused; `ret` is the record as it stands, where the vendor shows it."""

    def __init__(self, code: int, words: str, *, ret: tuple[str, Body] | None = None) -> None:
        super().__init__(words)
        self.code, self.words, self.ret = code, words, ret


def bad_id(id: str, where: str) -> Refusal:
    return Refusal(3000, f'The given object ID "{id}" in the field "{where}" is invalid.')


def bad_value(code: int, kind: str, value: str) -> Refusal:
    """3020 a date, 3030 a moment, 3040 an amount."""
    return Refusal(code, f'There was an error when converting the {kind} value "{value}" in the request.')


def name_taken(name: str) -> Refusal:
    return Refusal(3100, f'The name "{name}" of the list element is already in use.')


def not_found(id: str) -> Refusal:
    words = "QuickBooks error message: Invalid argument.  The specified record does not exist in the list."
    return Refusal(3120, f'Object "{id}" specified in the request cannot be found.  {words}')


def bad_reference(field: str, value: str, kind: str) -> Refusal:
    words = "QuickBooks error message: Invalid argument.  The specified record does not exist in the list."
    return Refusal(3140, f'There is an invalid reference to QuickBooks {field} "{value}" in the {kind}.  {words}')


def missing(field: str, kind: str) -> Refusal:
    return Refusal(3150, f'There is a missing element: "{field}" in the {kind}.')


def cannot_delete(id: str, why: str) -> Refusal:
    return Refusal(3160, f'Cannot delete the object specified by the id = "{id}". QuickBooks error message: {why}')


def cannot_change(kind: str, why: str) -> Refusal:
    return Refusal(3170, f"There was an error when modifying a {kind}. QuickBooks error message: {why}")


def closed(kind: str, *, deleting: bool = False) -> Refusal:
    deed = "delete" if deleting else "modify"
    words = f"An attempt was made to {deed} a {kind} with a date that is on or before the closing date of the company."
    return Refusal(3161 if deleting else 3171, words)


def out_of_date(sequence: str, ret: tuple[str, Body]) -> Refusal:
    return Refusal(3200, f'The provided edit sequence "{sequence}" is out-of-date.', ret=ret)


def not_allowed(field: str, value: object, why: str) -> Refusal:
    return Refusal(3210, f'The "{field}" field has an invalid value "{value}".  QuickBooks error message: {why}')


def switched_off(feature: str) -> Refusal:
    words = "This feature is not enabled or not available in this version of QuickBooks."
    return Refusal(3250, f"{words} ({feature})")


NOT_RUN = (3231, "The request has not been processed.")
