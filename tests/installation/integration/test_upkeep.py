"""A part that answers and fails its work is named and started again."""

import shutil
import time
from contextlib import closing

import pytest

from loop.installation.status import status
from loop.installation.upkeep import part_states
from loop.installation.upkeep.watch import EVERY_SECONDS
from loop.references.milvus_client import Milvus
from loop.references.milvus_probe import try_out
from loop.references.milvus_server import address
from loop.wiring import build
from tests.installation.builders import assert_all_end, is_ready, started, unwell
from tests.services import children, names_of, until

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def up(settings):
    """A `loop up` with a Milvus and without a project."""
    settings = settings.model_copy(update={"embedder": "yolo:", "default_workers": 1})
    build(settings, migrate=True).close()
    with started(settings) as process, closing(build(settings)) as rooms:
        until(lambda: is_ready(process), 120)
        yield settings, process, rooms
        process.terminate()
        assert_all_end(settings, process)


@pytest.mark.long
def test_a_milvus_whose_folder_is_gone_is_named_and_started_again_at_its_address(up):
    settings, process, rooms = up
    before = address(settings.milvus_folder)
    until(lambda: part_states.read(settings.home), 30)
    time.sleep(EVERY_SECONDS + 2)  # it has been seen at work once: until then it may still be starting

    shutil.rmtree(settings.milvus_folder)

    until(lambda: "milvus             fails its work" in process.log.read_text(), 60)
    until(lambda: "milvus             works again" in process.log.read_text(), 60)
    assert address(settings.milvus_folder) == before
    try_out(Milvus(before))
    assert "started again once" in status(rooms.installation).parts["part milvus"]
    assert "fails its work" in unwell(rooms)["part milvus"].found


@pytest.mark.long
def test_a_worker_that_hangs_is_named_and_started_again(up):
    _, process, _ = up
    (worker,) = children(process, "worker", "gpu")

    worker.suspend()

    until(lambda: "worker-gpu         fails its work (gave no sign of life" in process.log.read_text(), 100)
    until(lambda: not names_of([worker]) and children(process, "worker", "gpu"), 20)
