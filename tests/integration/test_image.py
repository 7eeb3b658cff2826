"""The steps of the Dockerfile, run one by one in a bare Debian: the image that they make starts, answers and stops."""

import json
import os
import shutil
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.mark.skipif(os.geteuid() != 0, reason="a root file system can be entered by root alone")
@pytest.mark.skipif(
    not shutil.which("mmdebstrap"), reason="mmdebstrap is not here (Debian: apt-get install mmdebstrap)"
)
def test_the_steps_of_the_image_end_in_one_that_is_healthy_and_stops(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "scripts.image", tmp_path], capture_output=True, text=True, check=False, timeout=1700
    )

    assert ended.returncode == 0, ended.stderr
    facts = json.loads(ended.stdout[ended.stdout.index("{") :])
    shutil.rmtree(tmp_path)  # many gigabytes
    assert facts["weights"] == []
    assert (facts["user"], facts["mode of LOOP_HOME"]) == ("1000:1000", "0o700")
    assert facts["healthy after"] < 180
    assert facts["stopped after"] < 20
