"""The door of vendors that poll us: one address for each connector; who it is comes with signing in."""

from __future__ import annotations

import logging
from typing import Any

from allauth.core import ratelimit
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from integrations.connections.callers import reception_of
from integrations.connectors.registry import connector
from integrations.sync.polled import reply_to
from integrations.wire.connector import Connector
from integrations.wire.polled import Busy, Malformed, Message, Reply, SignIn, Turned

LIMIT = "login_failed"  # the same as on the log-in page: so many wrong tries for each name and from each address

log = logging.getLogger(__name__)


def address_of(slug: str) -> str:
    """Where the side of this connector's vendor comes to; the invitation files name it, so it never changes."""
    return settings.PUBLIC_URL + reverse("polled", args=(slug,))


@csrf_exempt
@never_cache
@transaction.non_atomic_requests
@require_http_methods(["GET", "HEAD", "POST"])
def polled(request: HttpRequest, slug: str) -> HttpResponse:
    """One message of a vendor's side, and our reply; to a person's browser, what this address is for."""
    kind, reception = _whose(slug)
    if request.method != "POST":
        told = f"{kind.name} fetches its work for {settings.PUBLIC_URL} here. There is nothing to see."
        return HttpResponse(told, content_type="text/plain; charset=utf-8")
    status = 200
    try:
        message = reception.read(request.body, request.headers)
        body = reception.write(message, _reply(request, kind, message))
    except RequestDataTooBig:
        status, body = 413, reception.fault("The message is too large.")
    except Malformed as malformed:
        status, body = reception.fault_status, reception.fault(str(malformed))
    except Exception:
        log.exception("a message of %s could not be answered", slug)
        status, body = 500, reception.fault("The message could not be answered; try again later.")
    return HttpResponse(body, content_type=reception.content_type, status=status)


def _whose(slug: str) -> Any:
    try:
        kind = connector(slug)
        return kind, reception_of(kind)
    except LookupError as unknown:
        raise Http404(str(unknown)) from unknown


def _reply(request: HttpRequest, kind: Connector, message: Message) -> Reply:
    if not isinstance(message, SignIn):
        return reply_to(kind, message)
    name = f"{kind.slug}/{message.user}"
    if not ratelimit.consume(request, action=LIMIT, key=name, dry_run=True):
        log.warning("there were too many wrong passwords at %s for %r", kind.slug, message.user[:60])
        return Busy()
    reply = reply_to(kind, message)
    if isinstance(reply, Turned):
        ratelimit.consume(request, action=LIMIT, key=name)
    return reply
