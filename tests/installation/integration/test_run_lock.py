"""One `loop up` for each home."""

import socket

import pytest

from scripts.demo.label_studio import free_port
from tests.installation.builders import assert_all_end, is_ready, of_home, started
from tests.services import run_loop, until

pytestmark = pytest.mark.timeout(600)


def test_a_second_one_on_the_same_home_is_refused_by_name(loop_settings, loop_up):
    other = loop_settings.model_copy(update={"port": free_port()})

    error = run_loop(other, "up", ok=False)

    holder = f"another `loop up` (process {loop_up.pid} on {socket.gethostname()})"
    assert f"{holder} runs on LOOP_HOME={loop_settings.home}" in error.replace("\n", "")
    assert loop_up.poll() is None


@pytest.mark.long
def test_two_installations_do_not_touch_each_other(settings, tmp_path):
    other = settings.model_copy(update={"home": tmp_path / "other home", "port": free_port()})
    with started(settings) as process:
        until(lambda: is_ready(process), 120)
        (tmp_path / "other").mkdir()
        with started(other) as second:
            until(lambda: is_ready(second), 60)
            running = {one.pid for one in of_home(settings)}

            second.kill()

            assert_all_end(other, second)
            assert {one.pid for one in of_home(settings)} == running
        process.terminate()
        assert_all_end(settings, process)
