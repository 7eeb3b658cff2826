"""Where the embedded Milvus listens."""

import fcntl
from urllib.parse import unquote

import pytest

from loop.errors import LoopError
from loop.installation.up import parts_of
from loop.references import milvus_server


def test_a_milvus_that_runs_on_the_same_data_is_not_pushed_aside(tmp_path):
    milvus_server.make_folder(tmp_path, 0.3)
    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / "LOCK").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(LoopError, match="another `loop up`"):
            milvus_server.make_folder(tmp_path, 0.3)


def test_loop_up_starts_it_on_a_socket_in_the_home_unless_there_is_another(settings):
    settings = settings.model_copy(update={"embedder": "yolo:"})
    (ours,) = [part for part in parts_of(settings) if part.name == "milvus"]
    other = settings.model_copy(update={"milvus_uri": "http://milvus.example:19530"})

    assert unquote(milvus_server.address(ours.folder)) == f"unix:{settings.home}/milvus/milvus.sock:0"
    assert ours.address == f"a socket in {settings.home}/milvus"
    assert ours.command[ours.command.index("--host") + 1] == "unix:milvus.sock"
    assert ours.folder == settings.milvus_folder
    assert ours.environment.items() >= milvus_server.ENVIRONMENT.items()  # without it, it grows with every flush
    nothing = settings.model_copy(update={"embedder": "none"})
    assert [part for one in (other, nothing) for part in parts_of(one) if part.name == "milvus"] == []


def test_only_a_collection_that_holds_nothing_is_removed_before_the_start(tmp_path):
    collections = tmp_path / "data" / "collections"
    for file in ("whole/schema.json", "half/schema.json.tmp", "unknown/rows.parquet"):
        (collections / file).parent.mkdir(parents=True)
        (collections / file).touch()
    (collections / "begun").mkdir()
    (collections / "file").touch()

    milvus_server.make_folder(tmp_path, 0.3)

    assert sorted(path.name for path in collections.iterdir()) == ["file", "unknown", "whole"]
