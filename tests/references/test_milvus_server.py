"""Where the embedded Milvus listens."""

import fcntl
import socket

import pytest

from loop.errors import LoopError
from loop.installation.up import parts_of
from loop.references import milvus_server


def test_the_port_is_chosen_once_and_kept(tmp_path):
    address = milvus_server.address(tmp_path / "milvus")

    milvus_server.renew_port(tmp_path / "milvus", 1.0)

    assert milvus_server.address(tmp_path / "milvus") == address
    assert address.startswith("http://127.0.0.1:")


@pytest.fixture
def taken(tmp_path):
    """A folder whose port somebody listens on."""
    port = int(milvus_server.address(tmp_path).rsplit(":", 1)[1])
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        yield tmp_path


def test_a_port_that_somebody_else_took_is_given_up(taken):
    before = milvus_server.address(taken)

    milvus_server.renew_port(taken, 1.0)

    assert milvus_server.address(taken) != before


def test_a_milvus_that_runs_on_the_same_data_is_not_pushed_aside(taken):
    before = milvus_server.address(taken)
    (taken / "data").mkdir()
    with (taken / "data" / "LOCK").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(LoopError, match="another `loop up`"):
            milvus_server.renew_port(taken, 0.3)

    assert milvus_server.address(taken) == before


def test_loop_up_starts_it_on_this_machine_only_unless_there_is_another(settings):
    settings = settings.model_copy(update={"embedder": "yolo:"})
    (ours,) = [part for part in parts_of(settings) if part.name == "milvus"]
    other = settings.model_copy(update={"milvus_uri": "http://milvus.example:19530"})

    assert ours.command[ours.command.index("--host") + 1] == "127.0.0.1"
    assert milvus_server.address(settings.milvus_folder) == ours.address
    nothing = settings.model_copy(update={"embedder": "none"})
    assert [part for one in (other, nothing) for part in parts_of(one) if part.name == "milvus"] == []
