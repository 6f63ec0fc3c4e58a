"""The SOAP service that the QuickBooks Web Connector calls: its messages read, our replies written, its .qwc file.

SOAP 1.1, document/literal, namespace http://developer.intuit.com/; eight methods after QBWebConnectorSvc.wsdl, and the
older name getServerVersion. Names of elements and their order are all that is known of it here: who is let in and what is
fetched is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from integrations.wire import xml
from integrations.wire.errors import VendorError
from integrations.wire.message import Answer
from integrations.wire.polled import (
    Brought,
    Busy,
    GoOn,
    Hello,
    Invitation,
    Leaving,
    Malformed,
    Message,
    Next,
    NothingMore,
    NothingNow,
    Place,
    Reply,
    Said,
    SignIn,
    Take,
    Trouble,
    Turned,
    Welcome,
    WhyNothing,
)

from .books import company_in
from .qbxml import told
from .quirks import OWNER_ID

SERVICE = "http://developer.intuit.com/"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
VERSION = "1.0"
MOST_BYTES = 64_000_000
"""An answer of QuickBooks is one message; a page of a hundred documents is far below."""

# "No work" and "wait" are words that the Web Connector knows; a wrong password is `nvu`.
NO_WORK, BUSY, WRONG, WAIT = "none", "busy", "nvu", "NoOp"
FAILED = -1
"""What tells the Web Connector that something went wrong: it then asks getLastError."""

FINISHED = 100


class WebConnectorReception:
    """How the Web Connector speaks to us."""

    content_type = "text/xml; charset=utf-8"
    fault_status = 500  # SOAP 1.1 over HTTP

    def read(self, body: bytes, headers: Mapping[str, str]) -> Message:
        """What it says. Raises Malformed."""
        call = _call_in(body)
        name = xml.local(call)
        if name not in _READERS:
            raise Malformed(f"There is no method {name[:60]} here.")
        return _READERS[name]({xml.local(each): xml.text_of(each) for each in call if isinstance(each.tag, str)})

    def write(self, message: Message, reply: Reply) -> bytes:
        """The answer to its call, in the envelope that it expects."""
        method, result = _written(message, reply)
        answer = xml.build(f"{method}Response", ((f"{method}Result", result),), namespace=SERVICE)
        return _enveloped(answer)

    def fault(self, words: str) -> bytes:
        """A SOAP fault; whoever runs the Web Connector finds it in its log."""
        fault = xml.build("Fault", (), namespace=ENVELOPE, prefix="soap")
        for name, text in (("faultcode", "soap:Client"), ("faultstring", words[:500])):
            fault.append(xml.build(name, text))
        return _enveloped(fault)

    def invitation(
        self, *, name: str, address: str, support: str, user: str, place_id: str, every_minutes: int
    ) -> Invitation:
        """The .qwc file that a person opens once in the Web Connector; the password is typed there."""
        scheme = urlsplit(address).scheme
        if scheme != "https" and urlsplit(address).hostname not in ("localhost", "127.0.0.1"):
            raise ValueError("The Web Connector comes to https addresses only, or to localhost.")
        content = (
            ("AppName", _line(name)),
            ("AppID", ""),
            ("AppURL", address),
            ("AppDescription", f"Keeps these books tied out: {_line(name)}"),
            ("AppSupport", support),
            ("UserName", user),
            ("OwnerID", OWNER_ID),
            ("FileID", f"{{{place_id.upper()}}}"),
            ("QBType", "QBFS"),
            ("Style", "Document"),
            ("AuthFlags", "0xF"),
            ("Scheduler", (("RunEveryNMinutes", str(every_minutes)),)),
            ("IsReadOnly", "false"),
        )
        stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "books"
        prolog = '<?xml version="1.0"?>'
        return Invitation(
            filename=f"{stem[:60]}.qwc",
            content_type="application/xml",
            body=xml.serialise(xml.build("QBWCXML", content), prolog=prolog),
        )


# --- what it says ----------------------------------------------------------------------------------------------------

Fields = Mapping[str, str]


def _call_in(body: bytes) -> xml.Element:
    try:
        envelope = xml.parse(body, most_bytes=MOST_BYTES)
    except xml.BadXml as error:
        raise Malformed(f"The message cannot be read: {error}.") from error
    if envelope.tag != f"{{{ENVELOPE}}}Envelope":
        raise Malformed("The message is no SOAP 1.1 envelope.")
    content = envelope.find(f"{{{ENVELOPE}}}Body")
    calls = [] if content is None else [each for each in content if isinstance(each.tag, str)]
    if len(calls) != 1 or not str(calls[0].tag).startswith(f"{{{SERVICE}}}"):
        raise Malformed("The message does not hold one call to this service.")
    return calls[0]


def _hello(question: str) -> Callable[[Fields], Message]:
    return lambda fields: Hello(question=question, words=fields.get("strVersion", ""))


def _sign_in(fields: Fields) -> Message:
    return SignIn(user=fields.get("strUserName", ""), password=fields.get("strPassword", ""))


def _next(fields: Fields) -> Message:
    return Next(ticket=_ticket(fields), place=_place(fields))


def _brought(fields: Fields) -> Message:
    code, words = fields.get("hresult", "").strip(), fields.get("message", "")
    if code:
        answer = Answer(status=500, headers={"code": code, "words": " ".join(words.split())})
    else:
        answer = Answer(status=200, headers={"Content-Type": "text/xml"}, body=_as_bytes(fields.get("response", "")))
    return Brought(ticket=_ticket(fields), answer=answer)


def _trouble(fields: Fields) -> Message:
    return Trouble(
        ticket=_ticket(fields),
        code=fields.get("hresult", "").strip(),
        words=" ".join(fields.get("message", "").split()),
    )


def _ticket(fields: Fields) -> str:
    ticket = fields.get("ticket", "").strip()
    if not ticket:
        raise Malformed("The call shows no ticket.")
    return ticket


def _place(fields: Fields) -> Place | None:
    """The books that are open, which only the first call of a visit tells."""
    shown = fields.get("strHCPResponse", "")
    if not shown.strip():
        return None
    try:
        books = company_in(told(Answer(status=200, body=_as_bytes(shown), received_at=_NO_TIME)))
    except VendorError as error:
        raise Malformed(f"What it shows of the company file cannot be read: {error.explanation}") from error
    settings: dict[str, Any] = {
        "edition": books.edition,
        "multicurrency": books.multicurrency,
        **({} if books.sales_tax is None else {"sales_tax": books.sales_tax}),
    }
    if books.home and books.currency:  # else a person may know better than the edition tells
        settings["home_currency"] = books.currency
    return Place(name=books.name, id=books.file_id, settings=settings, locks=books.locks)


_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""Nothing in this answer depends on when it came."""


def _as_bytes(document: str) -> bytes:
    """A document that came as text: whatever encoding it claims to be in no longer holds."""
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", document, count=1).encode()


_READERS: Mapping[str, Callable[[Fields], Message]] = {
    "serverVersion": _hello("serverVersion"),
    "getServerVersion": _hello("getServerVersion"),
    "clientVersion": _hello("clientVersion"),
    "authenticate": _sign_in,
    "sendRequestXML": _next,
    "receiveResponseXML": _brought,
    "connectionError": _trouble,
    "getLastError": lambda fields: WhyNothing(ticket=_ticket(fields)),
    "closeConnection": lambda fields: Leaving(ticket=_ticket(fields)),
}


# --- what we say -----------------------------------------------------------------------------------------------------


def _written(message: Message, reply: Reply) -> tuple[str, xml.Ordered]:
    """The method that is answered, and its result."""
    match message:
        case Hello(question="clientVersion"):
            return "clientVersion", ""  # any version may go on
        case Hello(question=question):
            return question, reply.words if isinstance(reply, Said) and reply.words else VERSION
        case SignIn():
            return "authenticate", [("string", text) for text in _signed_in(reply)]
        case Next():
            return "sendRequestXML", reply.request.body.decode() if isinstance(reply, Take) else ""
        case Brought():
            return "receiveResponseXML", str(_taken(reply))
        case Trouble():
            return "connectionError", "done"  # no other company file is worth a try
        case WhyNothing():
            return "getLastError", WAIT if isinstance(reply, NothingNow) else _words(reply)
        case Leaving():
            return "closeConnection", _words(reply)


def _signed_in(reply: Reply) -> tuple[str, str]:
    """A ticket and, second, what to do: nothing means that the file that is open is the one."""
    match reply:
        case Welcome(ticket=ticket, work=work):
            return ticket, "" if work else NO_WORK
        case Busy():
            return "", BUSY
        case _:
            return "", WRONG


def _taken(reply: Reply) -> int:
    if isinstance(reply, GoOn):
        return max(0, min(FINISHED, reply.percent))
    return FAILED


def _words(reply: Reply) -> str:
    match reply:
        case Said(words=words):
            return words or "OK"
        case Turned(why=why):
            return why
        case NothingMore():
            return "OK"
        case _:
            return ""


def _enveloped(content: xml.Element) -> bytes:
    envelope = xml.build("Envelope", (), namespace=ENVELOPE, prefix="soap")
    body = xml.build("Body", (), namespace=ENVELOPE, prefix="soap")
    body.append(content)
    envelope.append(body)
    return xml.serialise(envelope)


def _line(text: str) -> str:
    return " ".join(text.split())
