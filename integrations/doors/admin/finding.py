"""Finding a record by what a person knows of it: its number, name, id or amount."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from integrations.doors.admin.allowed import may
from integrations.records.models import Record
from integrations.records.terms import FIGURES, WORDS, term

SHOWN = 20
AMOUNT = re.compile(r"-?[\d.,' ]*\d")


def matching(text: str) -> Q:
    """The records that a person's words may mean, by whole words or by the beginnings of numbers and names."""
    found = Q(external_id__in={text, text.upper(), text.lower()})
    word = term(text)
    if word is None:
        return found
    for name in WORDS:
        found |= Q(**{f"by_{name}": word})
    for name in ("number", "name"):
        # By comparison and not by LIKE, which loses its index under row-level security.
        found |= Q(**{f"by_{name}__gte": word, f"by_{name}__lt": word + "\U0010ffff"})
    if (amount := _amount(text)) is not None:
        for name in FIGURES:
            found |= Q(**{f"by_{name}": term(amount)})
    return found


def records(text: str) -> QuerySet[Record]:
    """The records that these words lead to."""
    return Record.objects.filter(matching(text))


def suggest(request: HttpRequest) -> HttpResponse:
    """The first few, for the box in the sidebar."""
    text = request.GET.get("q", "").strip()
    if not text or not may(request, "record.read"):
        return HttpResponse()
    found = records(text).select_related("connection")[:SHOWN]
    results = [
        {"title": str(each), "description": f"{each.kind}, {each.connection}", "link": url(each)} for each in found
    ]
    return render(request, "tieout/found.html", {"results": results})


def find(request: Any) -> HttpResponse:
    """Straight to the record where there is just one, else to the list of those found."""
    text = request.GET.get("q", "").strip()
    found = list(records(text)[:2]) if text and may(request, "record.read") else []
    if len(found) == 1:
        return redirect(url(found[0]))
    return redirect(reverse("admin:integrations_record_changelist", query={"q": text}))


def url(record: Record) -> str:
    """The record's own page."""
    return reverse("admin:integrations_record_change", args=(record.pk,))


def _amount(text: str) -> Decimal | None:
    if not AMOUNT.fullmatch(text):
        return None
    plain = text.replace("'", "").replace(" ", "")
    if plain.rfind(",") > plain.rfind("."):
        plain = plain.replace(".", "").replace(",", ".")
    try:
        return Decimal(plain.replace(",", ""))
    except InvalidOperation:
        return None
