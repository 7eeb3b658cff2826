"""How torch's threads wait for each other, as its OpenMP says it."""

import os
import re
import subprocess
import sys

import pytest

LOAD = "from loop.vision.ultralytics_setup import prepare_ultralytics; prepare_ultralytics(); import torch"


@pytest.mark.parametrize(
    ("given", "is_asleep"),
    [({}, True), ({"OMP_WAIT_POLICY": "ACTIVE"}, False)],
    ids=["by itself", "by the environment"],
)
def test_threads_sleep_unless_the_environment_has_it_otherwise(given, is_asleep):
    others = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment = {**others, **given, "OMP_DISPLAY_ENV": "verbose"}

    done = subprocess.run([sys.executable, "-c", LOAD], env=environment, capture_output=True, text=True, check=True)

    rounds = set(re.findall(r"GOMP_SPINCOUNT = '(\w+)'", done.stderr))  # before a thread falls asleep
    assert (rounds == {"0"}) is is_asleep, rounds
