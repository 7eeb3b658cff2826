"""`loop adopt` puts the files of a LOOP_HOME into a store, for machines that share no folder with it."""

import os
import time
from contextlib import closing

import pytest

from loop.datasets import folder as dataset_folder
from loop.datasets.assemble import assemble_verified
from loop.errors import MachineUnfit
from loop.installation.tidy import remove_abandoned_weights, tidy
from loop.settings import Settings
from loop.wiring import build
from tests.fakes import FreeQueue
from tests.swap import swap
from tests.terminal import loop
from tests.training.builders import review_tasks

pytestmark = pytest.mark.sqlite


@pytest.fixture
def snapshot(rooms, settings, tmp_path, monkeypatch):
    """A snapshot, beside a version and its report, in a home without a store; later commands have one."""
    review_tasks(rooms, range(1, 9))
    snapshot = assemble_verified(rooms.datasets, 1, list)
    (tmp_path / "some.pt").write_bytes(b"weights")
    rooms.registry.versions.add(1, tmp_path / "some.pt")
    report = settings.home / "reports/1/yolo_detector@1.0.0"
    report.mkdir(parents=True)
    for name in ("report.json", "report.html"):
        (report / name).write_text("{}")
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOOP_STORE", f"file://{tmp_path}/store")
    return snapshot


def test_files_that_were_adopted_into_a_store_are_on_every_machine(rooms, snapshot, settings, tmp_path):
    refused = loop("worker", "gpu")
    assert "lacks the files that are in LOOP_HOME: run `loop adopt` here" in refused.err

    adopted = loop("adopt")

    assert adopted.code == 0, adopted.err
    assert f"from now on they are in file://{tmp_path}/store" in " ".join(adopted.out.split())
    own = {"LOOP_HOME": str(tmp_path / "second"), "LOOP_DATABASE_URL": f"sqlite:///{settings.home / 'loop.sqlite3'}"}
    with closing(
        build(Settings.read({**settings.environment(), **own, "LOOP_STORE": f"file://{tmp_path}/store"}))
    ) as two:
        two.installation.machine.place.check()
        two.registry.versions.verify(two.registry.versions.get(1, "1.0.0"))
        dataset_folder.verify(two.datasets.snapshots.read(1, snapshot.hash))
        assert all(path.read_text() == "{}" for path in two.gate.reports.find(1, "yolo_detector@1.0.0"))


@pytest.fixture
def copy(rooms, snapshot, settings, tmp_path, monkeypatch):
    """A home with a store, and a copy that was restored from a backup of it while it runs: the rooms of both."""
    assert loop("adopt").code == 0
    assert loop("backup", str(tmp_path / "loop.tar.gz")).code == 0
    with closing(build()) as live:
        monkeypatch.setenv("LOOP_HOME", str(tmp_path / "copy"))
        assert loop("restore", str(tmp_path / "loop.tar.gz")).code == 0
        with closing(build()) as restored:
            yield live, swap(restored, (restored.queue, FreeQueue()))


def add_newer(rooms, tmp_path):
    """A version that the copy knows nothing of; its weights were put in the store two hours ago. Return their place."""
    (tmp_path / "newer.pt").write_bytes(b"newer weights")
    version = rooms.registry.versions.add(1, tmp_path / "newer.pt")
    stored = tmp_path / "store" / version.weights.relative_to(rooms.installation.machine.home)
    os.utime(stored, (time.time() - 7200, time.time() - 7200))
    return stored


def test_a_restored_copy_takes_nothing_from_the_store_of_the_installation_that_was_saved(copy, tmp_path):
    live, restored = copy
    stored = add_newer(live, tmp_path)

    with pytest.raises(MachineUnfit, match=r"has the files of another installation: .* restored here from a backup"):
        restored.installation.machine.join()
    with pytest.raises(MachineUnfit):
        remove_abandoned_weights(restored.installation, 1)
    tidied = tidy(restored.installation)

    assert "snapshots failed" in tidied
    assert stored.exists()


def test_a_restored_copy_that_adopts_the_store_has_it_alone(copy, tmp_path):
    live, restored = copy
    stored = add_newer(live, tmp_path)

    adopted = loop("adopt")

    assert adopted.code == 0, adopted.err
    restored.installation.machine.join()
    with pytest.raises(MachineUnfit, match="does not have the files of the installation"):
        live.installation.machine.join()
    with pytest.raises(MachineUnfit):
        remove_abandoned_weights(live.installation, 1)
    assert remove_abandoned_weights(restored.installation, 1) == 1
    assert not stored.exists()
