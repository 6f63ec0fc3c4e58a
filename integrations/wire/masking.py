"""Words that a person or a log may see: secrets taken out, length bounded."""

from __future__ import annotations

import re

HIDDEN = "•••"

_TELLING = (
    r"(?:access_?token|refresh_?token|id_?token|client_?secret|api_?key|apikey|private_?key|session_?id|session_?key"
    r"|password|passwd|pwd|secret|token|authorization|cookie|assertion|code_verifier|signature)"
)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # The word after the scheme of an Authorization header; after the plainer two it must look like no word.
    (re.compile(r"\b(bearer)\s+[A-Za-z0-9._~+/=-]{8,}", re.I), rf"\1 {HIDDEN}"),
    (re.compile(r"\b((?i:basic|token))\s+(?=\S*(?:\d|=|[a-z][A-Z]))[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    # name=value, "name": "value", <name>value</name>
    (re.compile(rf"<({_TELLING})(\s[^>]*)?>[^<]*", re.I), rf"<\1>{HIDDEN}"),
    (re.compile(rf"(\b{_TELLING}\"?'?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'&,;<>}}]+)", re.I), rf"\1{HIDDEN}"),
    # user:password@ in an address
    (re.compile(r"(://)[^/\s@:]+:[^/\s@]+@"), rf"\1{HIDDEN}@"),
    # A JSON web token, wherever it stands.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*"), HIDDEN),
    # Any unbroken run of 40 or more key-like characters: no word, number or GUID is that long.
    (re.compile(r"(?<![\w+/=-])(?=[\w+/=-]*\d)[\w+/=-]{40,}"), HIDDEN),
)


def masked(words: str, *, longest: int = 600) -> str:
    """`words` without secrets, on one line, at most `longest` characters."""
    # Far more than is kept, but bounded, so that a huge page costs nothing to mask.
    text = " ".join(words[: 4 * longest].split())
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return text if len(text) <= longest else text[: longest - 1] + "…"
