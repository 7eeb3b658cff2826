"""A second machine, as processes of its own, that lacks everything: its parts refuse to start, and say all of it."""

import os
import subprocess
import sys
from contextlib import closing

import pytest

from loop.installation.machine import PLACE, SOFTWARE
from loop.settings import Settings
from loop.wiring import build
from scripts.demo.label_studio import free_port

pytestmark = pytest.mark.timeout(120)
PARTS = {
    "worker": ("-m", "loop.cli.main", "worker", "gpu"),
    "web": ("-c", "from backend.app import create_app; create_app()"),
}


@pytest.fixture
def second(database, tmp_path):
    """The environment of a machine that has the records of an installation, and nothing else of it."""
    first = {"LOOP_HOME": str(tmp_path / "first"), "LOOP_DATABASE_URL": database, "LOOP_EMBEDDER": "yolo:"}
    with closing(build(Settings.read(first))) as rooms:
        machine = rooms.installation.machine
        machine.lead()
        machine.facts.replace(PLACE, {"host": "first.example", "boot": "another"})
        machine.facts.replace(SOFTWARE, {**machine.facts.get(SOFTWARE), "torch": "1.0", "the code": "older"})
    own = {"LOOP_HOME": str(tmp_path / "second"), "LOOP_WEBHOOK_SECRET": "another key"}
    return {**os.environ, **first, **own, "COLUMNS": "1000"}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_lacks_files_key_milvus_and_code_refuses_to_start_and_says_all_of_it(second, part):
    ended = subprocess.run([sys.executable, *PARTS[part]], env=second, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    for words in (
        "LOOP_WEBHOOK_SECRET is not that of the installation",
        "does not have the files of the installation",
        "LOOP_MILVUS_URI is not set: the embedded Milvus serves first.example alone",
        "torch is ",
        "the code is ",
    ):
        assert words in ended.stderr, ended.stderr


def test_a_worker_that_reaches_no_milvus_refuses_to_start(second):
    url = f"http://127.0.0.1:{free_port()}"

    ended = subprocess.run(
        [sys.executable, *PARTS["worker"]],
        env={**second, "LOOP_MILVUS_URI": url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert f"Milvus at {url} does not answer from here" in ended.stderr
