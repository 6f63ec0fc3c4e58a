"""Keeps secrets out of logs and messages: known secret values, and whatever looks like one by its name or form."""

import logging
import re
import threading
from collections import OrderedDict

MASK = "•••"
LEAST = 8  # characters: masking shorter values would blot out ordinary words
REMEMBERED = 4000  # values

# Bounded on both sides: a long line of base64 must not be searched from each of its characters to its end.
NAME = (
    r"[\w.\-]{0,40}?(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|consumer[_-]?key|"
    r"authorization|credential|signature|sealing[_-]?key|cookie|session[_-]?id|code_verifier|"
    r"(?<![a-z])(?:pin|otp|pwd)(?![a-z]))[\w\-]{0,40}"
)
QUOTE = r"\\?[\"']"

_FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(form, re.IGNORECASE | re.DOTALL), replacement)
    for form, replacement in (
        # -----BEGIN PRIVATE KEY----- … over several lines
        (r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----.*?-----END [A-Z ]{0,20}PRIVATE KEY-----", MASK),
        # Authorization: OAuth a="b", c="d"
        (r"\b(authorization[\"']?\s*[:=]\s*[\"']?(?:OAuth|NLAuth|Digest))\s[^\r\n]*", rf"\1 {MASK}"),
        # Authorization: Bearer abc     Bearer abc
        (
            r"\b((?:authorization[\"']?\s*[:=]\s*[\"']?)?(?:Bearer|Basic|Token|Zoho-oauthtoken))\s+[\w\-.~+/=]{8,}",
            rf"\1 {MASK}",
        ),
        # Set-Cookie: a=b; c=d
        (r"\b((?:set-)?cookie[\"']?\s*:\s*[\"']?)[^\r\n\"']+", rf"\1{MASK}"),
        # "client_secret": "abc"     'token': b'abc'     \"token\": \"abc\"
        (rf"({QUOTE}{NAME}{QUOTE}\s*[:=,]\s*b?)({QUOTE})(?:(?!\2)(?:\\.|.))*\2", rf"\1\2{MASK}\2"),
        # client_secret=abc     token: abc     password='abc def'     "pin": 1234
        (
            rf"(\b{NAME}{QUOTE}?\s?[=:]\s?)(?!{QUOTE}?•|[\[{{(\s]|Bearer|Basic|OAuth|None\b|null\b)"
            rf"(?:b?\"[^\"]*\"|b?'[^']*'|[^\s&,;\"')}}\]]+)",
            rf"\1{MASK}",
        ),
        # ?code=abc&state=def: what a vendor gives a customer's browser to bring back
        (r"([?&](?:code|state|sig|hmac)=)[^&\s\"']+", rf"\1{MASK}"),
        # <Password>abc</Password>
        (rf"(<(?:\w+:)?{NAME}(?:\s[^<>]*)?>)[^<]+(</)", rf"\1{MASK}\2"),
        # https://user:password@host
        (r"(://[^/\s:@]{1,200}:)[^/\s@]+@", rf"\1{MASK}@"),
    )
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
    for form, replacement in _FORMS:
        text = form.sub(replacement, text)
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
