"""Where a vendor is reached, and which addresses we refuse to connect to."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

from .errors import BadAddress

_PLACE = re.compile(r"\{(\w+)\}")
_NAME_IN_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")

WEB = {"http": 80, "https": 443}
FILE_SERVERS = {"ftp": 21, "ftps": 21, "sftp": 22}
"""Where files are exchanged, with the usual ports; ftps begins in plain words and turns to TLS before the log-in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """A vendor's addresses in one environment: absolute URLs without a slash at the end.

    `api` is where requests go, `authorize`, `token` and `revoke` are OAuth's, `app` is where a person opens a record,
    `more` what only this vendor has, by name. An address may hold `{setting}` places that `filled` fills from the
    connection's settings; one that begins with a place takes a whole address there.
    """

    api: str = ""
    authorize: str = ""
    token: str = ""
    revoke: str = ""
    app: str = ""
    more: Mapping[str, str] = field(default_factory=dict)

    def on(self, base: str) -> Addresses:
        """The same paths below another address: where a simulator plays the vendor."""
        root = base.rstrip("/")
        return self._each(lambda address: root + _path_of(address))

    def filled(self, settings: Mapping[str, Any]) -> Addresses:
        """The addresses with their places filled; a place whose setting is not there yet stays.

        Raises BadAddress where a setting would lead elsewhere than the place intends.
        """
        return self._each(lambda address: _filled(address, settings))

    def origins(self) -> frozenset[tuple[str, str, int]]:
        """(scheme, host, port) of every address that requests may go to."""
        addresses = (self.api, self.token, self.revoke, *self.more.values())
        return frozenset(origin(address) for address in addresses if address and not _PLACE.search(address))

    def _each(self, change: Callable[[str], str]) -> Addresses:
        return replace(
            self,
            api=change(self.api) if self.api else "",
            authorize=change(self.authorize) if self.authorize else "",
            token=change(self.token) if self.token else "",
            revoke=change(self.revoke) if self.revoke else "",
            app=change(self.app) if self.app else "",
            more={name: change(address) for name, address in self.more.items()},
        )


def check_public(url: str, allow: Sequence[str] = ()) -> str:
    """The address as it may be used: https, no credentials in it, every one of its IP addresses public.

    `allow` are the operator's exceptions (the sandbox, a ledger in his own network), as base addresses. Asks the
    name service. Raises BadAddress. Connecting checks again, and connects to the very address that was checked.
    """
    scheme, host, port = check_form(url, allow)
    if not is_allowed((scheme, host, port), allow):
        try:
            public_ips(host, port)
        except OSError as error:
            raise BadAddress(explanation=f"The name {host} is not known to the name service.") from error
    return url.strip().rstrip("/")


def check_file_server(url: str, allow: Sequence[str] = ()) -> str:
    """The address of a server for files (ftp, ftps, sftp) as it may be used; like `check_public`, with no path behind it.

    Asks the name service. Raises BadAddress.
    """
    scheme, host, port = file_server(url)
    if not is_allowed((scheme, host, port), allow):
        try:
            public_ips(host, port)
        except OSError as error:
            raise BadAddress(explanation=f"The name {host} is not known to the name service.") from error
    return url.strip().rstrip("/")


def file_server(url: str) -> tuple[str, str, int]:
    """(scheme, host, port) of a server for files. Raises BadAddress where the text is no such address."""
    where = _where(url, FILE_SERVERS, "one of a server for files, such as sftp://files.example")
    parts = urlsplit(url.strip())
    if parts.username is not None or parts.password is not None:
        raise BadAddress(
            explanation="The address holds a user name or password.", advice="Enter them in their own fields."
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise BadAddress(
            explanation="The address goes on after the server's name.", advice="Enter the folder by itself."
        )
    return where


def check_form(url: str, allow: Sequence[str] = ()) -> tuple[str, str, int]:
    """(scheme, host, port) of an address that may be used as far as its text tells. Raises BadAddress."""
    if missing := _PLACE.search(url):
        raise BadAddress(
            explanation=f"The setting {missing[1]} is missing, so the address is not complete.",
            advice="Fill in the setting, or connect again where the vendor hands it out.",
        )
    where = origin(url)
    parts = urlsplit(url.strip())
    if parts.username is not None or parts.password is not None:
        raise BadAddress(explanation="The address holds a user name or password.", advice="Enter them as secrets.")
    if where[0] != "https" and not is_allowed(where, allow):
        raise BadAddress(explanation=f"The address of {where[1]} does not begin with https://.")
    return where


def origin(url: str) -> tuple[str, str, int]:
    """(scheme, host, port) of an absolute web address. Raises BadAddress where it is none."""
    return _where(url, WEB, "a web address such as https://books.example")


def _where(url: str, ports: Mapping[str, int], example: str) -> tuple[str, str, int]:
    text = url.strip()
    if any(character.isspace() or character in "\\\x00" for character in text):
        raise BadAddress(explanation="The address holds a space, a line break or a backslash.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadAddress(explanation=f"The address is not {example}.") from error
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme not in ports or not host:
        raise BadAddress(explanation=f"The address is not {example}.")
    return parts.scheme, host, port or ports[parts.scheme]


def is_allowed(where: tuple[str, str, int], allow: Sequence[str]) -> bool:
    """Whether the operator made an exception for this scheme, host and port."""
    return any(where == _where(base, WEB | FILE_SERVERS, "an address such as https://books.example") for base in allow)


def public_ips(host: str, port: int) -> list[str]:
    """The IP addresses behind a name, all of them public. Raises BadAddress, or OSError where the name is not known.

    One that is not public condemns all: a name that leads to both is made to slip through.
    """
    ips = ips_of(host, port)
    for ip in ips:
        if not is_public(ip):
            raise BadAddress(
                explanation=f"{host} leads into a private network or to this machine.",
                advice="Use the public address; the operator can allow an address of his own network.",
            )
    return ips


def ips_of(host: str, port: int) -> list[str]:
    """The IP addresses behind a name, in the order in which they should be tried. Raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is empty or too long
        raise OSError(f"{host} is no host name") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


# Public by the registries, but nobody's vendor: addresses inside clouds, and relays that lead anywhere.
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's own host services
        "192.0.0.0/24",  # protocols' own, among them a cloud's metadata
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4-compatible, long out of use
        "64:ff9b:1::/48",  # translation inside one's own network
        "3fff::/20",  # documentation
        "fec0::/10",  # site-local, long out of use
    )
)


def is_public(ip: str) -> bool:
    """Whether an IP address is a public one of a single host; an IPv4 address inside an IPv6 one counts as itself."""
    address = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and (inner := _inner(address)) is not None:
        return is_public(str(inner))
    if any(address.version == network.version and address in network for network in _NEVER):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in ipaddress.IPv6Network("64:ff9b::/96"):  # network address translation
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _path_of(address: str) -> str:
    if address.startswith("{"):
        return address.partition("}")[2]
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _filled(address: str, settings: Mapping[str, Any]) -> str:
    host_ends = len(address) - len(_path_of(address))

    def value(place: re.Match[str]) -> str:
        name = place[1]
        given = str(settings.get(name) or "").strip()
        if not given:
            return place[0]
        if place.start() == 0:
            origin(given)
            parts = urlsplit(given)
            if parts.query or parts.fragment:
                raise BadAddress(explanation=f"The address in {name} goes on after its path.")
            return given.rstrip("/")
        fits = _NAME_IN_HOST.fullmatch(given) if place.start() < host_ends else given not in (".", "..")
        if not fits:
            raise BadAddress(explanation=f"The setting {name} cannot be part of an address.")
        return quote(given, safe="")

    return _PLACE.sub(value, address)
