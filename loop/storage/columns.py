"""The types of columns that the tables share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from loop.printable import shorten
from loop.storage.storable import LONGEST_NAME, fit

LONGEST_MESSAGE = 4000  # characters

Id = sa.BigInteger  # an id of Label Studio


class Instant(sa.types.TypeDecorator[datetime]):
    """A time: aware datetimes in Python, UTC without a zone in the table, which every database can order."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        """Convert to UTC and drop the zone."""
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: Any | None, _dialect: sa.Dialect) -> datetime | None:
        """Add the zone."""
        return value.replace(tzinfo=UTC) if value else None


class Message(sa.types.TypeDecorator[str]):
    """A text of an error, a person or a program: secrets are masked, and a long text is cut."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: sa.Dialect) -> str | None:
        """Mask the secrets in a message, and cut it, before it is written."""
        return None if value is None else shorten(value, LONGEST_MESSAGE)


class Name(sa.types.TypeDecorator[str]):
    """A name, an id or an address; more than *most* characters are stored as their beginning and their digest."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, most: int = LONGEST_NAME) -> None:
        super().__init__()
        self.most = most

    def process_bind_param(self, value: str | None, _dialect: sa.Dialect) -> str | None:
        """Shorten a name before it is written or compared."""
        return None if value is None else fit(value, self.most)
