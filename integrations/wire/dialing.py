"""A plain connection to a server that a tenant named: to the very address that was checked, within a time limit."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress

from . import addresses
from .errors import TryLater

LONGEST_CONNECT = 10.0  # seconds to connect to one address


def dial(where: tuple[str, str, int], *, allow: Sequence[str] = (), seconds: float = LONGEST_CONNECT) -> socket.socket:
    """A connected socket to (scheme, host, port), whose further reads and writes may take `seconds` each as well.

    Raises BadAddress where the name leads into a private network that the operator has not allowed, and TryLater where
    nobody answers.
    """
    _, host, port = where
    trouble: OSError | None = None
    try:
        ips = addresses.ips_of(host, port) if addresses.is_allowed(where, allow) else addresses.public_ips(host, port)
    except OSError as error:
        raise _unreachable(host, port, error) from error
    for ip in ips:
        try:
            line = socket.create_connection((ip, port), timeout=min(seconds, LONGEST_CONNECT))
        except OSError as error:
            trouble = error
            continue
        with suppress(OSError):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        line.settimeout(seconds)
        return line
    raise _unreachable(host, port, trouble)


def _unreachable(host: str, port: int, error: OSError | None) -> TryLater:
    why = f": {error.strerror or error}" if error is not None else ""
    return TryLater(
        sent=False,
        explanation=f"{host}, port {port}, cannot be reached{why}.",
        advice="It is tried again by itself. If it stays so, check the address, and whether the server lets this one in.",
    )
