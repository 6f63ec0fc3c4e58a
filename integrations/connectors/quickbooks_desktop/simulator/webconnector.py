"""The QuickBooks Web Connector: it visits a web service, fetches requests one by one, and brings QuickBooks' answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests
from lxml import etree

from integrations.simulation.simulator import ConnectionCut

from . import custom
from .grammar import ANSWERS, escaped
from .profile import ANSWERS_OF

if TYPE_CHECKING:
    from .app import Program

Post = Callable[[bytes, dict[str, str]], tuple[int, bytes]]  # body and headers -> status and body

VERSION = "2.3.0.215"
_NAMESPACE = "http://developer.intuit.com/"
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_NO_OP_SECONDS = 5.0
_REFUSED = {
    "nvu": "Authentication failed: the user name or the password is not right.",
    "none": "No data exchange required.",
    "busy": "The web service is busy.",
}


class WebServiceFailed(Exception):
    """The service did not answer as the WSDL says."""


@dataclass(slots=True)
class Visit:
    """One visit as the log of the web connector tells it."""

    calls: list[str] = field(default_factory=list)  # the methods called, in order
    percents: list[int] = field(default_factory=list)  # what receiveResponseXML said
    documents: list[str] = field(default_factory=list)  # the documents that were fetched
    said: str = ""  # what is shown to the user in the end
    ended: str = ""  # "done", "nothing to do", "refused", "no session", "cut", "error", "service failed"


class WebConnector:
    """One application in the web connector of a PC: the service behind `post`, and the password typed for it."""

    def __init__(
        self,
        simulator: Program,
        post: Post,
        user: str,
        password: str,
        *,
        owner: str = "",
        file: str = "",
        pace: float = 0.01,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`owner` and `file` are OwnerID and FileID of the .qwc; `pace` is by how much its pauses are shortened."""
        self.program, self.user = simulator, user
        self.owner, self.file, self.pace, self.sleep = owner, file, pace, sleep
        self._post, self._password = post, password

    @classmethod
    def from_qwc(cls, simulator: Program, qwc: bytes, password: str, post: Post | None = None) -> WebConnector:
        """The application of a .qwc file that somebody opened; raises ValueError for a file that cannot be added."""
        root = _parse(qwc)
        values = {str(each.tag): (each.text or "").strip() for each in root.iter(etree.Element)}
        if root.tag != "QBWCXML":
            raise ValueError(f"a .qwc file begins with QBWCXML, not {root.tag}")
        for name in ("AppName", "AppURL", "AppDescription", "AppSupport", "UserName", "OwnerID", "FileID", "QBType"):
            if not values.get(name):
                raise ValueError(f"the .qwc file has no {name}")
        url = values["AppURL"]
        if not url.startswith("https://") and not url.startswith("http://localhost"):
            raise ValueError("AppURL must be https, or http to localhost")
        if _host(values["AppSupport"]) != _host(url):
            raise ValueError("QBWC1000: AppSupport and AppURL are not of one domain")
        return cls(
            simulator,
            post or over_http(url),
            values["UserName"],
            password,
            owner=values["OwnerID"],
            file=values["FileID"],
        )

    def visit(self) -> Visit:
        """One whole session, as far as it comes; it never raises."""
        seen = Visit()
        try:
            self._visit(seen)
        except ConnectionCut:
            seen.ended = "cut"
        except (WebServiceFailed, requests.RequestException, OSError) as error:
            seen.ended, seen.said = "service failed", str(error)
        finally:
            self.program.end_session()
        return seen

    def _visit(self, seen: Visit) -> None:
        self._call(seen, "serverVersion", strVersion=VERSION)
        verdict = self._call(seen, "clientVersion", strVersion=VERSION)
        if verdict[:2] in ("E:", "O:"):
            seen.ended, seen.said = "refused", verdict[2:]
            return
        ticket, *rest = self._strings(seen, "authenticate", strUserName=self.user, strPassword=self._password)
        company = rest[0] if rest else ""
        if company in _REFUSED:
            seen.ended, seen.said = ("nothing to do" if company == "none" else "refused"), _REFUSED[company]
            return
        if company:
            self.program.open_file(company)
        trouble = self.program.begin_session()
        if trouble is not None:
            seen.said = self._call(
                seen, "connectionError", ticket=ticket, hresult=trouble.hresult, message=trouble.message
            )
            seen.ended = "no session"
            return
        self._exchange(seen, ticket)
        seen.said = self._call(seen, "closeConnection", ticket=ticket) if seen.ended != "error" else seen.said

    def _exchange(self, seen: Visit, ticket: str) -> None:
        """Requests and answers until there are no more."""
        first, percent = True, 0
        while percent < 100:
            document = self._call(
                seen, "sendRequestXML", ticket=ticket, strHCPResponse=self._about() if first else "",
                strCompanyFileName=self.program.file, qbXMLCountry="US", qbXMLMajorVers="14", qbXMLMinorVers="0",
            )  # fmt: skip
            first = False
            if not document:
                words = self._call(seen, "getLastError", ticket=ticket)
                if words == "NoOp":
                    self.sleep(_NO_OP_SECONDS * self.pace)
                    continue
                seen.ended, seen.said = "nothing to do", words
                return
            seen.documents.append(document)
            done = self.program.process(document)
            percent = self._number(
                seen,
                "receiveResponseXML",
                ticket=ticket,
                response=done.response,
                hresult=done.hresult,
                message=done.message,
            )
            seen.percents.append(percent)
            if percent < 0:
                seen.said = self._call(seen, "getLastError", ticket=ticket)
                self._call(seen, "closeConnection", ticket=ticket)
                seen.ended = "error"
                return
        seen.ended = "done"

    def _about(self) -> str:
        """Host, company and preferences, with the FileID that an earlier session left in the file; it is left there now."""
        company = self.program.company
        owners = {"OwnerID": [self.owner]} if self.owner else {}
        parts = []
        for number, (name, tell) in enumerate(ANSWERS_OF.items()):
            element, body = tell(company, owners)
            parts.append(
                f'<{name}Rs requestID="{number}" statusCode="0" statusSeverity="Info" statusMessage="Status OK">'
                f"{ANSWERS.write(element, body)}</{name}Rs>"
            )
        if self.owner and self.owner not in company.settings.file_ids:
            with self.program.store.transaction():
                company.settings.file_ids[self.owner] = self.file
                company.keep_settings()
                custom.keep(company, custom.COMPANY, self.owner, "FileID", self.file)
        return f'<?xml version="1.0" ?><QBXML><QBXMLMsgsRs>{"".join(parts)}</QBXMLMsgsRs></QBXML>'

    # SOAP

    def _call(self, seen: Visit, method: str, **arguments: str) -> str:
        result = self._result(seen, method, arguments)
        return "" if result is None else str(result.text or "")

    def _number(self, seen: Visit, method: str, **arguments: str) -> int:
        text = self._call(seen, method, **arguments)
        try:
            return int(text)
        except ValueError:
            raise WebServiceFailed(f"{method} answered {text!r}, which is no number") from None

    def _strings(self, seen: Visit, method: str, **arguments: str) -> list[str]:
        result = self._result(seen, method, arguments)
        found = [] if result is None else [str(each.text or "") for each in result.findall(f"{{{_NAMESPACE}}}string")]
        if not found:
            raise WebServiceFailed(f"{method} answered no strings")
        return found

    def _result(self, seen: Visit, method: str, arguments: dict[str, str]) -> etree._Element | None:
        seen.calls.append(method)
        inside = "".join(f"<{name}>{escaped(value)}</{name}>" for name, value in arguments.items())
        envelope = (
            f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{_ENVELOPE}"><soap:Body>'
            f'<{method} xmlns="{_NAMESPACE}">{inside}</{method}></soap:Body></soap:Envelope>'
        )
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{_NAMESPACE}{method}"'}
        status, body = self._post(envelope.encode(), headers)
        if status != 200:
            raise WebServiceFailed(f"{method} was answered with status {status}: {body[:200]!r}")
        root = _parse(body)
        answer = root.find(f"{{{_ENVELOPE}}}Body/{{{_NAMESPACE}}}{method}Response")
        if root.tag != f"{{{_ENVELOPE}}}Envelope" or answer is None:
            raise WebServiceFailed(f"{method} was answered with {body[:200]!r}")
        return answer.find(f"{{{_NAMESPACE}}}{method}Result")


def over_http(url: str) -> Post:
    """Posts to an address, as a patient client does."""

    def post(body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        answer = requests.post(url, body, headers=headers, timeout=120)
        return answer.status_code, answer.content

    return post


def _parse(body: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise WebServiceFailed(f"it is no XML: {error}") from None


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].partition(":")[0]
