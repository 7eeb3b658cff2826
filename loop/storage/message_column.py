"""A column of messages, which no secret is written into."""

from __future__ import annotations

import sqlalchemy as sa

from loop.secrecy import redact


class Message(sa.types.TypeDecorator[str]):
    """What went wrong, in words."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: sa.Dialect) -> str | None:
        """Mask the secrets."""
        return None if value is None else redact(value)
