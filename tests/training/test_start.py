"""What a training starts from."""

from dataclasses import replace

import pytest

from loop.datasets.assemble import assemble
from loop.datasets.selection import SelectionPolicy
from loop.registry.promote import promote
from loop.registry.store import VersionFacts
from loop.training.retrain import retrain
from tests.datasets.builders import with_policy
from tests.fakes import Killed
from tests.swap import swap
from tests.training.builders import last
from tests.training.fakes import Dying


def register(rooms, folder, number, image_size):
    (folder / number).write_text(number)
    facts = VersionFacts(training={"image_size": image_size})
    return rooms.registry.versions.add(1, folder / number, facts, number=number)


def test_a_killed_training_goes_on_from_where_it_began_whatever_serves_and_is_set_by_then(asked, tmp_path):
    first, second = register(asked, tmp_path, "0.1.0", 320), register(asked, tmp_path, "0.2.0", 640)
    promote(asked.registry, 1, first.name, "a test")
    with pytest.raises(Killed):
        retrain(swap(asked, (asked.gate.evaluator, Dying(asked.gate.evaluator, "evaluate", "before"))).trainings, 1)
    promote(asked.registry, 1, second.name, "while it was dead")

    retrain(replace(asked.trainings, image_size=1280), 1)

    facts = asked.registry.versions.get(1, last(asked).version).facts
    assert (facts.parent, facts.training["image_size"]) == (first.name, 320)


def test_one_that_was_killed_before_an_epoch_was_over_begins_from_what_serves_and_is_set_now(asked, tmp_path):
    training, trainings = last(asked), replace(asked.trainings, image_size=1280)
    asked.trainings.choose_start(training)
    (trainings.run_folder(training) / "finished.pt").unlink()
    promote(asked.registry, 1, register(asked, tmp_path, "0.2.0", 640).name, "while it was dead")

    start = trainings.choose_start(last(asked))

    assert (start.version, start.image_size) == ("yolo_detector@0.2.0", 1280)


def test_no_image_rests_that_the_version_which_it_starts_from_has_not_learned(asked, tmp_path):
    rooms = with_policy(asked, selection=SelectionPolicy(0.1, 1.0))
    (tmp_path / "learned.pt").write_bytes(b"weights")
    facts = VersionFacts(snapshot=assemble(rooms.datasets, 1).hash)
    promote(rooms.registry, 1, rooms.registry.versions.add(1, tmp_path / "learned.pt", facts).name, "a test")
    detectors = rooms.registry.detectors
    with pytest.raises(Killed):
        retrain(swap(rooms, (detectors, Dying(detectors, "check_device", "before"))).trainings, 1)
    resting = [item.task for item in rooms.datasets.snapshots.find_newest(1).items() if item.resting]
    promote(rooms.registry, 1, register(rooms, tmp_path, "0.2.0", 640).name, "after the snapshot was written")

    retrain(rooms.trainings, 1)

    version = rooms.registry.versions.get(1, last(rooms).version)
    snapshot = rooms.datasets.snapshots.read(1, version.facts.snapshot)
    assert version.facts.parent == "yolo_detector@0.2.0"
    assert resting
    assert not any(item.resting for item in snapshot.items())


@pytest.mark.parametrize(("content", "reason"), [(None, "is not on this machine"), (b"cut", "is damaged")])
def test_a_champion_whose_weights_are_lost_or_damaged_is_named_before_anything_is_trained(
    asked, tmp_path, content, reason
):
    first = register(asked, tmp_path, "0.1.0", 320)
    promote(asked.registry, 1, first.name, "a test")
    first.weights.unlink()
    if content:
        first.weights.write_bytes(content)

    retrain(asked.trainings, 1)

    assert last(asked).error.startswith(f"{first.name}: {first.weights} {reason}")
