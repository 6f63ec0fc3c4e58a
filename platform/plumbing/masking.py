"""Keeps secrets out of logs and messages: known secret values, and whatever looks like one by its name or form."""

import logging
import re
import threading
from collections import OrderedDict

MASK = "•••"
LEAST = 6  # characters: masking shorter values would blot out ordinary words
REMEMBERED = 4000

NAME = (
    r"[\w.\-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|credential|"
    r"signature|sealing[_-]?keys?|cookie|session[_-]?id|consumer[_-]?key|refresh|id_token|otp|pin|code_verifier)[\w\-]*"
)
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    # a key in full, several lines long
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.S), MASK),
    # Authorization: Bearer abc   Authorization: OAuth a="b", c="d"
    (
        re.compile(
            r"\b((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:OAuth|NLAuth|Digest)\s[^\r\n]*|(?:\w+\s+)?[^\s\"',;}]+)",
            re.I,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b(Bearer|Basic)\s+(?!•)[\w\-.~+/=]{6,}", re.I), rf"\1 {MASK}"),
    # Set-Cookie: a=b; c=d
    (re.compile(r"\b((?:set-)?cookie[\"']?\s*:\s*[\"']?)[^\r\n\"']+", re.I), rf"\1{MASK}"),
    # "client_secret": "abc"   'token': b'abc'   \"token\": \"abc\"
    (
        re.compile(rf"((?:\\?[\"']){NAME}(?:\\?[\"'])\s*[:=]\s*b?)(\\?[\"'])(?:(?!\2).)*\2", re.I | re.S),
        rf"\1\2{MASK}\2",
    ),
    # client_secret=abc   token: abc   password='abc'   "pin": 1234
    (
        re.compile(
            rf"(\b{NAME}[\"']?\s*[=:]\s*)(?!\s*[\[{{(]|\\?[\"']?•)(?:b?\"[^\"]*\"|b?'[^']*'|[^\s&,;\"')}}\]]+)", re.I
        ),
        rf"\1{MASK}",
    ),
    # <Password>abc</Password>
    (re.compile(rf"(<(?:\w+:)?({NAME})(?:\s[^>]*)?>)[^<]+(</)", re.I), rf"\1{MASK}\3"),
    # https://user:password@host
    (re.compile(r"(://[^/\s:@]+:)[^/\s@]+@"), rf"\1{MASK}@"),
)

_known: OrderedDict[str, None] = OrderedDict()
_lock = threading.Lock()
_pattern: re.Pattern[str] | None = None


def remember(secret: str) -> None:
    """From now on masks this value wherever it appears; the oldest of very many are forgotten."""
    global _pattern
    if len(secret) < LEAST:
        return
    with _lock:
        if secret in _known:
            _known.move_to_end(secret)
            return
        _known[secret] = None
        while len(_known) > REMEMBERED:
            _known.popitem(last=False)
        _pattern = None


def mask(text: str) -> str:
    """The text with every secret in it replaced."""
    if pattern := _known_values():
        text = pattern.sub(MASK, text)
    for form, masked in _FORMS:
        text = form.sub(masked, text)
    return text


class MaskingFormatter(logging.Formatter):
    """Formats a record, exceptions and stack included, and masks the whole."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


def _known_values() -> re.Pattern[str] | None:
    global _pattern
    with _lock:
        if _pattern is None and _known:
            # The longest first, or a secret that begins another would leave the rest of it standing.
            _pattern = re.compile("|".join(map(re.escape, sorted(_known, key=len, reverse=True))))
        return _pattern
