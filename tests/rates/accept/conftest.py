"""Open tasks and an audit that confirmed their version."""

import pytest

from tests.rates.accept.builders import (
    AUDITED,
    OPEN,
    AcceptingStudio,
    audit,
    predict,
    serve,
)
from tests.swap import swap


@pytest.fixture
def studio(rooms):
    return AcceptingStudio(OPEN)


@pytest.fixture
def loop(rooms, studio, tmp_path):
    """Open tasks, each with a sure box of the champion, and an audit that confirmed it."""
    (tmp_path / "some.pt").write_bytes(b"weights")
    serve(rooms, tmp_path)
    loop = swap(rooms, (rooms.studio.client, studio))
    predict(loop, studio)
    audit(loop, range(1000, 1000 + AUDITED))
    return loop
