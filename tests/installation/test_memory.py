"""The web processes that the memory of a machine allows, and the memory that each process has for images."""

from contextlib import closing

import pytest

from loop.installation import memory
from loop.installation.memory import machine_bytes, web_processes
from loop.installation.up import WEB, parts_of
from loop.memory_budget import budget
from loop.policies import LEAST_MEMORY
from loop.settings import Settings
from loop.wiring import build

GB = 2**30


@pytest.fixture
def limit(tmp_path, monkeypatch):
    """Set the memory that the container of this process may use."""

    def set_limit(text):
        (tmp_path / "memory.max").write_text(f"{text}\n")
        monkeypatch.setattr(memory, "LIMITS", (tmp_path / "memory.max", tmp_path / "nothing"))

    return set_limit


@pytest.fixture
def budgeted():
    """Set up an installation, and return the bytes that this process then has for images."""
    own = budget()
    before = own.total

    def budgeted(home, **variables):
        with closing(build(Settings.read({"LOOP_HOME": str(home), **variables}))):
            return own.total

    yield budgeted
    own.total = before


def count_web(home, **variables):
    settings = Settings.read({"LOOP_HOME": str(home), **variables})
    (web,) = (part for part in parts_of(settings) if part.name == WEB)
    return int(web.command[web.command.index("--workers") + 1])


@pytest.mark.parametrize(("gigabytes", "processes"), [(2, 1), (4, 1), (7.7, 2), (64, 2)])
def test_the_web_has_two_processes_where_the_memory_allows_it(gigabytes, processes):
    assert web_processes(int(gigabytes * GB)) == processes


def test_the_memory_is_that_of_the_container(limit):
    limit("max")
    whole = machine_bytes()

    limit(GB)

    assert machine_bytes() == GB < whole


def test_loop_up_starts_as_many_web_processes_unless_one_sets_the_number(limit, tmp_path):
    limit("max")
    assert count_web(tmp_path) == web_processes(machine_bytes())

    limit(GB)
    assert count_web(tmp_path) == 1
    assert count_web(tmp_path, LOOP_WEB_WORKERS="3") == 3


def test_all_processes_share_a_quarter_of_the_memory_for_images(limit, tmp_path, budgeted):
    limit(4 * GB)
    shared = budgeted(tmp_path / "one", LOOP_DEFAULT_WORKERS="2")  # beside one web process and the worker that trains

    limit(GB // 2)
    least = budgeted(tmp_path / "two")

    assert (shared, least) == (GB // 4, LEAST_MEMORY)
    assert budgeted(tmp_path / "three", LOOP_IMAGE_MEMORY="300000000") == 300_000_000
