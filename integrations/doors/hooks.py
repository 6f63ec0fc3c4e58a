"""The door at which vendors knock: proven, stored and answered at once; nothing is fetched while they wait."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from integrations.connections import knocks
from integrations.connections.models import Connection
from integrations.connectors.registry import connector
from integrations.wire.knocks import Malformed, Message, is_of_app
from plumbing.masking import MASK

LARGEST = 2 * 1024 * 1024  # bytes

log = logging.getLogger(__name__)


def address_of(connection: Connection) -> str:
    """What is entered at the vendor: it never changes by itself. Inside a transaction, and only where the vendor knocks."""
    facts, bell = connector(connection.connector).knocks, knocks.bell_of(connection)
    if facts is None or bell is None:
        raise LookupError(f"{connection} has no address at which its vendor could knock.")
    place = connection.environment if is_of_app(facts.proof) else bell.address.reveal()
    return settings.PUBLIC_URL + reverse("knocked", args=(connection.connector, place))


@csrf_exempt
@never_cache
@transaction.non_atomic_requests
def knocked(request: HttpRequest, slug: str, place: str) -> HttpResponse:
    """Taken: 200. Not proven to come from the vendor, for whatever reason: 401. Never a word more."""
    try:
        kind = connector(slug)
    except LookupError as unknown:
        raise Http404(str(unknown)) from unknown
    if kind.knocks is None:
        raise Http404(f"{kind.name} does not knock.")
    if not is_of_app(kind.knocks.proof):
        request.path = request.path_info = f"/knocks/{slug}/{MASK}/"  # what is logged of it tells no secret address
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if _length(request) > LARGEST:
        return HttpResponse(status=413)
    try:
        believed = knocks.take_in(kind, place, Message(request.body, request.headers))
    except Malformed as malformed:
        # It is the vendor, and sending it again would not help: the next read finds what it wanted to tell.
        log.warning("a message of %s was not understood: %s", slug, malformed)
        believed = True
    return HttpResponse(status=200 if believed else 401)


def _length(request: HttpRequest) -> int:
    length = request.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else 0
