"""The records of versions."""

import pytest

from loop.errors import NoChampion, UnknownVersion


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "some.pt"
    path.write_bytes(b"weights")
    return path


def test_versions_count_up_from_the_first_training(rooms, weights):
    names = [rooms.registry.versions.add(1, weights, number=number).name for number in ("0.0.0", None, None)]

    assert names == ["yolo_detector@0.0.0", "yolo_detector@1.0.0", "yolo_detector@1.1.0"]


def test_no_version_gets_the_name_of_imported_predictions(rooms, weights):
    numbers = [rooms.registry.versions.add(1, weights, model_name="imported").name for _ in range(2)]

    assert numbers == ["imported@1.1.0", "imported@1.2.0"]


def test_promoting_an_older_version_rolls_back(rooms, weights):
    old, new = rooms.registry.versions.add(1, weights), rooms.registry.versions.add(1, weights)
    rooms.registry.versions.promote(1, old.name, "first")
    rooms.registry.versions.promote(1, new.name, "better")

    assert rooms.registry.versions.roll_back(1, "worse after all") == old
    assert rooms.registry.versions.champion(1) == old
    assert rooms.registry.versions.at(1, "previous") == new


def test_promoting_the_champion_keeps_the_previous(rooms, weights):
    old, new = rooms.registry.versions.add(1, weights), rooms.registry.versions.add(1, weights)
    for name in (old.name, new.name, new.name):
        rooms.registry.versions.promote(1, name, "again")

    assert rooms.registry.versions.at(1, "previous") == old


def test_a_version_keeps_its_own_copy_of_the_weights(rooms, weights):
    version = rooms.registry.versions.add(1, weights)
    weights.write_bytes(b"changed")

    assert version.weights.read_bytes() == b"weights"


def test_versions_of_two_projects_do_not_mix(rooms, weights):
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, weights).name, "first")

    assert rooms.registry.versions.champion(2) is None
    with pytest.raises(UnknownVersion, match="known: none"):
        rooms.registry.versions.get(2, "1.0.0")


def test_there_is_nothing_to_roll_back_to_at_first(rooms, weights):
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, weights).name, "first")

    with pytest.raises(NoChampion):
        rooms.registry.versions.roll_back(1, "why not")
