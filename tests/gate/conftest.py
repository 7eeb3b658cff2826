"""Fixtures of the gate's tests."""

from functools import partial

import pytest

from tests.gate.builders import train_and_judge, write_snapshot


@pytest.fixture
def snapshot(parts, tmp_path):
    return write_snapshot(parts, tmp_path, 12)


@pytest.fixture
def judged(parts, snapshot, tmp_path):
    """Have a candidate judged; return the parts and its training."""
    return partial(train_and_judge, parts, tmp_path, snapshot)
