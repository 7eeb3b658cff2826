"""A column of messages, in which secrets are masked."""

from __future__ import annotations

import sqlalchemy as sa

from loop.secrecy import redact


class Message(sa.types.TypeDecorator[str]):
    """The message of an error."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: sa.Dialect) -> str | None:
        """Mask the secrets in a message before it is written."""
        return None if value is None else redact(value)
