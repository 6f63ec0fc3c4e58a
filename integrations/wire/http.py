"""The driver that carries requests over HTTP: bounded in time and size, to checked addresses only.

What decides about posting twice is whether a request may have left us. It is not guessed from the kind of error: the
connection notes the moment before the first byte is written, and everything that fails before is `sent=False`.
Nothing here logs, and no error holds a header or a body that we sent. Proxies and .netrc of the machine are not used.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlencode, urljoin, urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from . import addresses
from .auth import Auth, LogIn, Secrets, Tokens
from .errors import BadAddress, ConsentLost, ContractBroken, TryLater, VendorError
from .message import Answer, Request
from .site import Site

# They would write addresses with their queries, which may hold what is a customer's or secret.
logging.getLogger("urllib3").setLevel(logging.WARNING)

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer, unpacked, that are taken in."""

LONGEST_CONNECT = 10.0
"""Seconds to connect to one address."""

MOST_REDIRECTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """A connection's way to its vendor: signs each request and sends it. `allow`: see `addresses.check_public`."""

    auth: Auth
    secrets: Secrets = field(default_factory=dict, repr=False)
    allow: Sequence[str] = ()

    def send(self, request: Request, *, site: Site, deadline: float | None = None) -> Answer:
        """See `send`. Raises ConsentLost where a secret is missing."""
        try:
            signed = self.auth.sign(request, self.secrets)
        except KeyError as error:
            raise _missing(error) from None
        return send(signed, site=site, deadline=deadline, allow=self.allow)


def log_in(auth: LogIn, *, site: Site, secrets: Secrets, allow: Sequence[str] = ()) -> Tokens:
    """A session for a person's secrets. Raises ConsentLost where they are wrong, or what `send` raises."""
    try:
        request = auth.open(site, secrets)
    except KeyError as error:
        raise _missing(error) from None
    return auth.opened(send(request, site=site, allow=allow))


def send(request: Request, *, site: Site, deadline: float | None = None, allow: Sequence[str] = ()) -> Answer:
    """Send one signed request and give the vendor's answer, whatever its status.

    All of it takes at most `deadline` seconds, or the request's own timeout where that is shorter; only the name
    service may take its own time besides, and then nothing is sent any more. Follows redirects of reads within the
    same origin only. Raises TryLater (with `sent`), ContractBroken, BadAddress.
    """
    url = url_of(request, site)
    seconds = request.timeout if deadline is None else min(request.timeout, deadline)
    with under_way(seconds, allow) as exchange:
        for _ in range(MOST_REDIRECTS + 1):
            addresses.check_form(url, allow)
            answer = _once(request, url, exchange)
            target = _redirect(request, url, answer)
            if target is None:
                return answer
            request, url = replace(request, params={}), target
    raise ContractBroken(
        code=f"HTTP {answer.status}", explanation="The vendor redirects from one address to the next without end."
    )


def _missing(error: KeyError) -> ConsentLost:
    return ConsentLost(explanation=f"The secret {error.args[0]} of this connection is missing.")


def url_of(request: Request, site: Site) -> str:
    """The absolute address of a request. Raises BadAddress where it leaves the site's hosts or climbs out of its path."""
    if request.path.startswith(("http://", "https://")):
        url = request.path
        if addresses.origin(url) not in site.addresses.origins():
            raise BadAddress(
                explanation="The request would go to another host than this vendor's.",
                advice="Report it: the vendor named an address outside its own.",
            )
    else:
        url = site.addresses.api + (f"/{request.path.lstrip('/')}" if request.path else "")
    if any(segment in (".", "..") for segment in urlsplit(url).path.replace("%2e", ".").replace("%2E", ".").split("/")):
        raise BadAddress(explanation="An id or setting would lead to another path of the vendor's address.")
    return url


def _once(request: Request, url: str, exchange: Exchange) -> Answer:
    try:
        prepared = requests.Request(
            request.method, _with_params(url, request), headers=_headers(request), data=request.body or None
        ).prepare()
    except (ValueError, UnicodeError):
        # The error's own words would show the header, and with it the secret.
        raise BadAddress(
            explanation="The request cannot be written: a secret or setting holds a line break or a stray space.",
            advice="Enter the secrets and the address again.",
        ) from None
    try:
        with session().send(prepared, stream=True, timeout=exchange.timeouts(), allow_redirects=False) as response:
            body = read_bounded(response, exchange)
    except VendorError:
        raise
    except (requests.RequestException, HTTPError, OSError) as error:
        raise exchange.failed(error) from error
    except ValueError as error:  # a header outside Latin-1, found while it is written
        raise exchange.failed(error) from None
    return Answer(status=response.status_code, headers=response.headers, body=body)


def _headers(request: Request) -> dict[str, str]:
    return {"User-Agent": "Tieout", "Accept-Encoding": "gzip, deflate", **request.headers}


def _with_params(url: str, request: Request) -> str:
    """The address with its query; a space is %20, which every vendor reads, while some take + for a plus."""
    if not request.params:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(request.params, quote_via=quote, safe='')}"


def _redirect(request: Request, url: str, answer: Answer) -> str | None:
    """Where a read goes on; None where the answer is no redirect. Raises ContractBroken for one not to be followed."""
    location = answer.headers.get("Location")
    if answer.status not in (301, 302, 303, 307, 308) or not location:
        return None
    target = urljoin(url, location)
    if request.method.upper() in ("GET", "HEAD") and addresses.origin(target) == addresses.origin(url):
        return target
    raise ContractBroken(
        code=f"HTTP {answer.status}",
        explanation=f"The vendor redirects this request to {urlsplit(target).hostname}, which is not followed.",
        advice="Check that the address is exactly that of the vendor's interface.",
    )


def read_bounded(response: requests.Response, exchange: Exchange) -> bytes:
    """The unpacked body. Raises ContractBroken where it is larger than we take, TryLater where time is up."""
    pieces, size = [], 0
    for piece in response.iter_content(64 * 1024):
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise ContractBroken(
                code=f"HTTP {response.status_code}",
                explanation=f"The vendor's answer is larger than {LARGEST_ANSWER // 1024**2} MB.",
                advice="Ask for smaller pages.",
            )
        exchange.check_time()
        pieces.append(piece)
    exchange.check_time()  # a line cut at the deadline looks like the end of a body without a length
    return b"".join(pieces)


class Exchange:
    """One exchange under way in this thread: how long it may still take, and whether anything has left us.

    `left` is None until a connection of ours notes it: an adapter that does not tell may have sent.
    """

    def __init__(self, seconds: float, allow: Sequence[str]) -> None:
        self.allow = allow
        self.ends = time.monotonic() + seconds
        self.left: bool | None = None
        self._socket: socket.socket | None = None
        self._over = False
        self._lock = threading.Lock()

    def remaining(self) -> float:
        """Seconds that are left; 0 or less when time is up."""
        return self.ends - time.monotonic()

    def timeouts(self) -> tuple[float, float]:
        """Seconds to connect, and between two bytes."""
        remaining = max(self.remaining(), 0.001)
        return min(LONGEST_CONNECT, remaining), remaining

    def check_time(self) -> None:
        """Raise TryLater when time is up."""
        if self.remaining() <= 0:
            raise self.too_late()

    def leaving(self, line: socket.socket) -> None:
        """Note that bytes leave over this line from now on; not when time is already up."""
        self.check_time()
        with self._lock:
            self._socket = line
        self.left = True

    def cut(self) -> None:
        """Cut the line: time is up while somebody still waits on it."""
        with self._lock:
            if self._socket is not None and not self._over:
                with suppress(OSError):
                    # Not the method of an SSL socket: that one takes the TLS layer from under the reading thread.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def end(self) -> None:
        """The line may serve another exchange from now on."""
        with self._lock:
            self._over = True

    def failed(self, error: Exception) -> VendorError:
        """What an error of the transport means."""
        if self.remaining() <= 0 or isinstance(error, requests.Timeout | TimeoutError):
            return self.too_late(error)
        sent = self._may_have_left(error)
        if not sent and isinstance(error, ValueError) and not isinstance(error, requests.ConnectionError | OSError):
            return BadAddress(
                explanation="The request cannot be written: a secret or setting holds a character outside Latin-1.",
                advice="Enter the secrets and the address again.",
            )
        if isinstance(error, requests.exceptions.SSLError) and not sent:
            return TryLater(
                _cause(error),
                sent=False,
                explanation="The vendor's certificate is not valid, so nothing was sent.",
                advice="Check the address; if it is right, the vendor must renew the certificate.",
            )
        how = "The line broke before the answer was complete." if sent else "The vendor cannot be reached."
        return TryLater(_cause(error), sent=sent, explanation=how)

    def too_late(self, error: Exception | None = None) -> TryLater:
        """Time is up."""
        return TryLater(sent=self._may_have_left(error), explanation="The vendor took too long to answer.")

    def _may_have_left(self, error: Exception | None) -> bool:
        if self.left is None:  # some other adapter: only this error promises that nothing was sent
            return not isinstance(error, requests.ConnectTimeout)
        return self.left


class _Now(threading.local):
    exchange: Exchange | None = None


_now = _Now()


@contextmanager
def under_way(seconds: float, allow: Sequence[str] = ()) -> Iterator[Exchange]:
    """Everything that this thread sends inside is one exchange and is over after `seconds`."""
    exchange = Exchange(seconds, allow)
    if seconds <= 0:
        exchange.left = False
        raise exchange.too_late()
    watch = threading.Timer(seconds, exchange.cut)
    watch.daemon = True
    watch.start()
    _now.exchange = exchange
    try:
        yield exchange
    finally:
        _now.exchange = None
        exchange.end()
        watch.cancel()


def _cause(error: BaseException) -> str:
    """The last cause in words of the machine ("Connection reset by peer"), which name no address and no secret."""
    innermost: BaseException | None = error
    for _ in range(10):
        if innermost is None:
            break
        if isinstance(innermost, OSError) and innermost.strerror:
            return innermost.strerror
        reason = getattr(innermost, "reason", None)
        inner = [part for part in innermost.args if isinstance(part, BaseException)]
        innermost = reason if isinstance(reason, BaseException) else inner[0] if inner else innermost.__context__
    return type(error).__name__


# The connections: they check where they go, and note when bytes leave.


class _Checked(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        """Connect to an address that was checked, whatever the name means a moment later."""
        exchange = _exchange()
        host, port = self.host.strip("[]"), int(self.port or 0)
        scheme = "https" if isinstance(self, HTTPSConnection) else "http"
        try:
            if addresses.is_allowed((scheme, host.rstrip(".").lower(), port), exchange.allow):
                ips = addresses.ips_of(host, port)
            else:
                ips = addresses.public_ips(host, port)
        except OSError as error:
            raise TryLater(sent=False, explanation=f"The name {host} could not be found just now.") from error
        failure: OSError = OSError("no address")
        for ip in ips:
            exchange.check_time()
            try:
                line = socket.create_connection((ip, port), timeout=exchange.timeouts()[0])
            except OSError as error:
                failure = error
                continue
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.settimeout(exchange.timeouts()[1])
            return line
        raise TryLater(
            failure.strerror or "timed out", sent=False, explanation=f"{host} cannot be reached."
        ) from failure

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()  # what fails here has sent nothing
        _exchange().leaving(cast(socket.socket, self.sock))
        super().send(data)


class _CheckedTLS(_Checked, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Checked


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedTLS


class CheckedAdapter(HTTPAdapter):
    """Sends over connections that check where they go; never tries again by itself."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        _exchange().left = False
        return super().send(*args, **kwargs)


def _exchange() -> Exchange:
    if _now.exchange is None:
        raise RuntimeError("Vendors are spoken to inside http.under_way() only: it bounds the time.")
    return _now.exchange


# One session a process: connections are reused, but never across a fork.

S = TypeVar("S", bound=requests.Session)

_sessions: list[requests.Session] = []
_mounted: dict[str, BaseAdapter] = {}
os.register_at_fork(after_in_child=_sessions.clear)


def session() -> requests.Session:
    """The process's session."""
    if not _sessions:
        _sessions.append(equipped(requests.Session()))
    return _sessions[0]


def equipped(bare: S) -> S:
    """`bare` with our connections, no cookies (they would travel from tenant to tenant) and nothing of the machine's."""
    bare.trust_env = False
    bare.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    checked = CheckedAdapter(pool_connections=32, pool_maxsize=8)
    bare.mount("http://", checked)
    bare.mount("https://", checked)
    for prefix, adapter in _mounted.items():
        bare.mount(prefix, adapter)
    return bare


def mount(prefix: str, adapter: BaseAdapter) -> None:
    """Let `adapter` play what lies below an address, in this process: tests put their simulators there."""
    _mounted[prefix] = adapter
    _sessions.clear()


def unmount(prefix: str) -> None:
    """Undo `mount`."""
    del _mounted[prefix]
    _sessions.clear()
