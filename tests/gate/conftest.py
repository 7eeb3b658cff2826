"""Fixtures of the gate's tests."""

from functools import partial

import pytest

from tests.gate.builders import train_and_judge, write_snapshot


@pytest.fixture
def snapshot(rooms, tmp_path):
    return write_snapshot(rooms, tmp_path, 12)


@pytest.fixture
def judged(rooms, snapshot, tmp_path):
    """Have a candidate judged; return the rooms and its training."""
    return partial(train_and_judge, rooms, tmp_path, snapshot)
