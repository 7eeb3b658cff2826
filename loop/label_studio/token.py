"""Tells the kinds of API keys of Label Studio apart, by the key itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Token:
    """What a key for Label Studio is, as far as it tells by itself; the key is not kept."""

    kind: str
    is_usable: bool
    expires_at: datetime | None = None


def read_token(key: str, now: datetime) -> Token:
    """
    Say what kind of key it is.

    A personal access token is a JWT of the type `refresh`; the `access` tokens that it is changed for live five minutes
    and are of no use as a setting. Anything else is taken for a legacy token. Its signature is Label Studio's to check.
    """
    if not key:
        return Token("no key", is_usable=False)
    import jwt

    try:
        claims = jwt.decode(key, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return Token("legacy token", is_usable=True)
    until = claims.get("exp")
    expires_at = datetime.fromtimestamp(until, UTC) if isinstance(until, int | float) else None
    if claims.get("token_type") == "access":
        return Token("access token, which lives for minutes", is_usable=False, expires_at=expires_at)
    is_over = expires_at is not None and expires_at <= now
    return Token("personal access token", is_usable=not is_over, expires_at=expires_at)
