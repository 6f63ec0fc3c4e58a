"""How the vendor says no: codes, messages, HTTP statuses and the two envelopes."""

from __future__ import annotations

from typing import Any

# code -> (message, type). The numbers and words follow the vendor's error list and its recorded answers.
_MESSAGES = {
    "500": ("Unsupported Operation", "ValidationFault"),
    "600": ("Duplicate request id", "ValidationFault"),
    "610": ("Object Not Found", "ValidationFault"),
    "1040": ("Maximum number of batch items exceeded", "ValidationFault"),
    "2010": ("Request has invalid or unsupported property", "ValidationFault"),
    "2020": ("Required param missing, need to supply the required value for the API", "ValidationFault"),
    "2030": ("Invalid ID", "ValidationFault"),
    "2040": ("Invalid String. The string contains invalid characters", "ValidationFault"),
    "2050": ("String length is either shorter or longer than supported by specification", "ValidationFault"),
    "2060": ("Invalid date or time format", "ValidationFault"),
    "2080": ("Illegal number format", "ValidationFault"),
    "2130": ("Invalid request id", "ValidationFault"),
    "2170": ("Invalid Enumeration", "ValidationFault"),
    "2210": ("Invalid email address", "ValidationFault"),
    "2250": ("At least one line is required", "ValidationFault"),
    "2300": ("Transaction is not in balance", "ValidationFault"),
    "2500": ("Invalid Reference Id", "ValidationFault"),
    "4000": ("Error parsing query", "ValidationFault"),
    "4001": ("Invalid query", "ValidationFault"),
    "5010": ("Stale Object Error", "ValidationFault"),
    "5030": ("Feature Not Supported Error", "ValidationFault"),
    "6000": ("A business validation error has occurred while processing your request", "ValidationFault"),
    "6070": ("Amount calculation incorrect in the request", "ValidationFault"),
    "6080": ("Must have at least one name element set", "ValidationFault"),
    "6100": ("Invalid tax code", "ValidationFault"),
    "6140": ("Duplicate Document Number Error", "ValidationFault"),
    "6160": ("Invalid tax rate", "ValidationFault"),
    "6200": ("Account Period Closed", "ValidationFault"),
    "6210": ("Account Period Closed, password required", "ValidationFault"),
    "6240": ("Duplicate Name Exists Error", "ValidationFault"),
    "6250": ("Customer is inactive", "ValidationFault"),
    "6430": ("Invalid account type", "ValidationFault"),
    "6540": ("Deposited Transaction cannot be changed", "ValidationFault"),
    "10000": ("An application error has occurred while processing your request", "SystemFault"),
}

STALE = (
    "Stale Object Error : You and another user were working on this at the same time. "
    "another user finished before you did, so your work was not saved."
)
INACTIVE = (
    "Object Not Found : Something you're trying to use has been made inactive. "
    "Check the fields with accounts, customers, items, vendors or employees."
)


class Fault(Exception):
    """The vendor's refusal of one operation, with its code and words."""

    def __init__(self, code: str, detail: str = "", *, element: str | None = None, status: int = 400) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.element, self.status = code, detail, element, status

    def body(self) -> dict[str, Any]:
        """The value of `Fault` in an answer or in a batch item."""
        message, kind = _MESSAGES[self.code]
        error = {"Message": message, "Detail": self.detail or message, "code": self.code}
        if self.element is not None:
            error["element"] = self.element
        return {"Error": [error], "type": kind}


def gateway_body(*, code: str, words: str, status: int, kind: str, detail: str, millis: int) -> dict[str, Any]:
    """The lower-case envelope of what the vendor's gateway refuses before the books are reached (recorded for 401)."""
    message = f"message={words}; errorCode={code.zfill(6)}; statusCode={status}"
    return {
        "warnings": None,
        "intuitObject": None,
        "fault": {"error": [{"message": message, "detail": detail, "code": code, "element": None}], "type": kind},
        "report": None,
        "queryResponse": None,
        "batchItemResponse": [],
        "attachableResponse": [],
        "syncErrorResponse": None,
        "requestId": None,
        "time": millis,
        "status": None,
        "cdcresponse": [],
    }
