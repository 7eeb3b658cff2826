"""A `loop up` beside another one on the same LOOP_HOME changes nothing."""

import pytest

from loop.errors import LoopError
from loop.installation import run_lock
from loop.installation.up import up


def test_a_second_loop_up_is_refused_before_it_records_anything(settings):
    settings.home.mkdir()
    led = []

    with run_lock.hold(settings.home), pytest.raises(LoopError, match="runs on LOOP_HOME"):
        up(settings, [], print, lambda: led.append(1))

    assert led == []
