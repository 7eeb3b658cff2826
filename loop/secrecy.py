"""Masks secrets in every text that leaves the program: errors, logs, answers, records."""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote, unquote

MASK = "[redacted]"
SHORTEST = 6  # characters of a secret that is masked; shorter secrets are part of too many harmless words
WORD = 8  # characters; a shorter secret is masked only where it is a whole word
HEAD = 16  # characters by which a long secret is recognised where its end was cut off
SECRET_KEYS = frozenset(
    ("token", "password", "task_data_login", "task_data_password", "access_token", "api_key", "secret", "authorization")
)
LEAVES = (str, int, float)  # asked for first, as most values of JSON are such
PATTERNS = (  # texts that look like credentials; the group stays
    re.compile(r"(?<=://)(?<!\bloop://)[^/@\s]+(?=@)"),  # loop://MODEL@VERSION is the name of an embedder
    re.compile(r"(?i)([?&][^=&\s]*(?:sig|token|key|secret|pass|credential)[^=&\s]*=)[^&\s'\"]+"),
    re.compile(
        r"(?i)(\bauthorization\b['\"]?\s*[:=]\s*['\"]?(?:(?:token|bearer|basic)\s+)?)(?!\[redacted\])[^\s'\",}]+"
    ),
    re.compile(rf"(?i)(['\"](?:{'|'.join(sorted(SECRET_KEYS))})['\"]\s*:\s*['\"])(?!\[redacted\])[^'\"]+"),
    re.compile(r"(\b(?:Token|(?i:bearer|basic))\s+)(?=[^\s'\"]*\d)[\w.+/=-]{8,}"),  # `token` may be one of a dry run
    re.compile(r"\bloop_[\w-]{43}"),  # a bearer token of ours
    re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"),
)

_known: tuple[str, ...] = ()


def guard(secrets: Iterable[str]) -> None:
    """Mask these secrets of the installation from now on, in place of earlier ones, also in all logs."""
    global _known  # noqa: PLW0603 (a process has one installation, and its errors and logs are as global)
    _known = _forms(secrets)
    _guard_logs()


def add_secret(secret: str) -> None:
    """Mask one more secret, such as a token that Label Studio gave for the configured key."""
    global _known  # noqa: PLW0603
    if secret not in _known:
        _known = tuple(sorted({*_known, *_forms([secret])}, key=len, reverse=True))


def redact(text: str) -> str:
    """Mask the known secrets in a text, and everything that looks like a credential."""
    text = mask(text)
    for pattern in PATTERNS:
        text = pattern.sub(rf"\g<1>{MASK}" if pattern.groups else MASK, text)
    return text


def mask(text: str) -> str:
    """Mask the known secrets in a text, also one whose end was cut off, and nothing else."""
    for secret in _known:
        if len(secret) < WORD:
            text = _word_pattern(secret).sub(MASK, text)
        elif len(secret) <= HEAD:
            text = text.replace(secret, MASK)
        elif secret[:HEAD] in text:
            text = _mask_long(text, secret)
    return text


def redact_json(value: Any) -> Any:
    """Return the same JSON with every credential masked: every value under a key of SECRET_KEYS."""
    if isinstance(value, LEAVES):
        return value
    if isinstance(value, Mapping):
        return {
            key: MASK if str(key).lower() in SECRET_KEYS and item else redact_json(item) for key, item in value.items()
        }
    return [redact_json(item) for item in value] if isinstance(value, list) else value


def redact_texts(value: Any) -> Any:
    """Return the same JSON with every text in it redacted."""
    if isinstance(value, Mapping):
        return {key: redact_texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_texts(item) for item in value]
    return redact(value) if isinstance(value, str) else value


def secrets_in(address: str) -> set[str]:
    """Return the password in an address, or the user where it has none; also of a malformed address."""
    userinfo = re.search(r"//(.*)@", address)
    if not userinfo:
        return set()
    user, _, password = userinfo[1].partition(":")
    return {password or user}


def _forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return each secret as it may appear in a text: plain, in an address, in JSON, in a repr; longest first."""
    forms: set[str] = set()
    for secret in secrets:
        forms |= {secret, unquote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    return tuple(sorted((form for form in forms if len(form) >= SHORTEST), key=len, reverse=True))


@cache
def _word_pattern(secret: str) -> re.Pattern[str]:
    before, after = (r"(?<!\w)" * secret[0].isalnum(), r"(?!\w)" * secret[-1].isalnum())
    return re.compile(before + re.escape(secret) + after)


def _mask_long(text: str, secret: str) -> str:
    pieces, at = [], 0
    while (start := text.find(secret[:HEAD], at)) >= 0:
        end = start + HEAD
        while end < len(text) and end - start < len(secret) and text[end] == secret[end - start]:
            end += 1
        pieces += [text[at:start], MASK]
        at = end
    return "".join((*pieces, text[at:]))


def _guard_logs() -> None:
    """Mask every log record of this process when it is made, whichever handler shows it."""
    make = logging.getLogRecordFactory()
    if getattr(make, "masks", False):
        return

    def make_masked(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info:
            record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)).rstrip())
        return record

    make_masked.masks = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_masked)
