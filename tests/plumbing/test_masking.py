"""No secret in a log."""

import logging
import time

import pytest

from plumbing import masking
from plumbing.masking import MASK, MaskingFormatter, mask

SECRET = "zK9-hush.hush_42"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization: Basic {SECRET}==",
        f"{{'Authorization': 'Bearer {SECRET}'}}",
        f'Authorization: OAuth realm="1", oauth_token="abc", oauth_signature="{SECRET}"',
        f"sent Bearer {SECRET} to the vendor",
        f"client_secret={SECRET}&grant_type=refresh_token",
        f"grant_type=refresh_token&refresh_token={SECRET}",
        f'{{"access_token": "{SECRET}", "expires_in": 3600}}',
        f'{{"access_token":"{SECRET}"}}',
        f"{{'client_secret': '{SECRET}'}}",
        f"{{'client_secret': b'{SECRET}'}}",
        f'"{{\\"refresh_token\\": \\"{SECRET}\\"}}"',
        f'{{"password": "with \\" a quote {SECRET}"}}',
        f"password = '{SECRET}'",
        f"PGPASSWORD={SECRET}",
        f"X-Api-Key: {SECRET}",
        f"x-xero-signature: {SECRET}",
        f"TIEOUT_SEALING_KEYS={SECRET}",
        f"Set-Cookie: sessionid={SECRET}; Path=/",
        f"postgresql://tieout_app:{SECRET}@db:5432/tieout",
        f"<Password>{SECRET}</Password>",
        f'<ns:userPassword type="x">{SECRET}</ns:userPassword>',
        f"GET /oauth/callback?code={SECRET}&realmId=1",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\nabc\n-----END RSA PRIVATE KEY-----",
        f"pin: {SECRET}",
        f"('client_secret', '{SECRET}')",
    ],
)
def test_what_looks_like_a_secret_is_masked(text):
    masked = mask(text)
    assert SECRET not in masked
    assert "hush" not in masked
    assert MASK in masked


@pytest.mark.parametrize(
    "text",
    [
        "mapping: changed 12 fields",
        "shipping=12.50 opinion=none",
        '{"number": "INV-7", "total": "12.50", "currency": "EUR"}',
        "2026-01-01 INFO sync 120 applied, 3 skipped",
        "the token was refreshed",
        "refresh_token=None",
        "GET /v3/invoices?page=2 200",
    ],
)
def test_what_is_no_secret_stays(text):
    assert mask(text) == text


def test_a_value_known_to_be_secret_is_masked_wherever_it_stands():
    masking.remember("a very plain sentence 77")
    assert mask("the vendor says: a very plain sentence 77!") == f"the vendor says: {MASK}!"


def test_of_two_secrets_that_begin_alike_the_whole_is_masked():
    masking.remember("beginning-8899")
    masking.remember("beginning-8899-and-more")
    assert mask("x beginning-8899-and-more x") == f"x {MASK} x"


def test_the_formatter_masks_arguments_and_exceptions():
    try:
        raise RuntimeError(f"refused: client_secret={SECRET}")
    except RuntimeError as problem:
        record = logging.LogRecord(
            "x",
            logging.ERROR,
            "",
            1,
            "failed with %s",
            (f"token={SECRET}",),
            (type(problem), problem, problem.__traceback__),
        )
    line = MaskingFormatter("{message}", style="{").format(record)
    assert "RuntimeError" in line
    assert SECRET not in line


def test_a_long_line_is_masked_in_a_moment():
    started = time.monotonic()
    mask("ab-cd.ef_" * 40_000)
    mask('"' + "A" * 300_000)
    mask("<" * 100_000)
    assert time.monotonic() - started < 5


def test_every_log_of_the_project_is_masked(settings):
    handlers = settings.LOGGING["handlers"].values()
    assert {handler["formatter"] for handler in handlers} == {"masked"}
