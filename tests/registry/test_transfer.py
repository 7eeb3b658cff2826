"""Taking weights in from elsewhere, and giving a version out."""

import os
import pickle

import pytest

from loop.errors import ArchiveRefused, DamagedWeights, LoopError, UnknownProject, VersionExists, WeightsRefused
from loop.registry import manifest
from loop.registry.manifest import Manifest
from loop.registry.store import VersionFacts
from loop.registry.transfer import add, export
from loop.serving.predict import Thresholds
from tests.fakes import FakeDetectors
from tests.registry.builders import packed
from tests.swap import swap
from tests.vision.builders import Running, checkpoint

NAMED = ("car", "person", "dog")  # by the fake detector


@pytest.fixture
def rooms(rooms):
    return swap(rooms, (rooms.registry.detectors, FakeDetectors()))


@pytest.fixture
def archive(tmp_path):
    """Make an archive of harmless weights, which say what is given of them."""

    def make(*, pickled=None, **fields):
        weights = checkpoint(tmp_path / "some.pt", *([pickled] if pickled else []))
        members = [("weights.pt", weights.read_bytes())]
        if fields:
            members.append(("manifest.json", manifest.write(Manifest(**fields)).encode()))
        return packed(tmp_path / "given.tar.gz", *members)

    return make


def files(settings):
    return [path for path in (settings.home / "weights").rglob("*") if path.is_file()]


def test_weights_from_elsewhere_become_a_candidate_beside_the_others(rooms, archive):
    own = rooms.registry.versions.promote(1, rooms.registry.versions.add(1, archive()).name, "first")

    version, line = add(rooms.registry, 1, archive(classes=NAMED, image_size=320, thresholds={"display": 0.4}))

    assert rooms.registry.versions.at(1, "candidate") == version
    assert rooms.registry.versions.champion(1) == own
    assert version.name == "yolo_detector@1.1.0"
    assert version.facts.classes == NAMED
    assert version.facts.thresholds == {"floor": 0.05, "display": 0.4}
    assert version.image_size == 320
    assert line == "2 of 3 classes have a label: car, person; without one, and so never shown: dog"


def test_a_bare_archive_serves_as_the_settings_say(rooms, archive):
    version, _ = add(rooms.registry, 1, archive(), name="bought", number="7.0.1")

    assert version.name == "bought@7.0.1"
    assert (version.facts.classes, version.image_size) == (NAMED, 640)


def test_a_version_that_exists_is_not_replaced(rooms, archive, settings):
    add(rooms.registry, 1, archive(), number="2.0.0")
    before = files(settings)

    with pytest.raises(VersionExists, match=r"yolo_detector@2\.0\.0 exists"):
        add(rooms.registry, 1, archive(pickled=pickle.dumps({"other": 1}, 2)), number="2.0.0")

    assert files(settings) == before


@pytest.mark.parametrize(
    ("given", "fields", "word"),
    [
        pytest.param({"sha256": "0" * 64}, {}, "SHA-256", id="sum"),
        pytest.param({"number": "1.2"}, {}, "--version", id="number"),
        pytest.param({"number": "0.0.0"}, {}, "--version", id="number-of-the-start-weights"),
        pytest.param({"name": "a b"}, {}, "--name", id="name"),
        pytest.param({"name": "imported"}, {}, "--name", id="name-of-imported-predictions"),
        pytest.param({}, {"classes": ("person", "car", "dog")}, "manifest.json person", id="other-order"),
        pytest.param({}, {"weights_sha256": "0" * 64}, "SHA-256", id="other-weights"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(rooms, archive, settings, given, fields, word):
    path = archive(**fields)

    with pytest.raises(ArchiveRefused, match=word):
        add(rooms.registry, 1, path, **given)

    assert rooms.registry.versions.list(1) == []
    assert files(settings) == []


def test_weights_without_a_class_of_the_project_are_refused(rooms, archive):
    config = rooms.studio.projects.get(1).label_config.replace("Car", "Bus").replace("Person", "Tram")
    rooms.studio.projects.save(1, "Trams", config)

    with pytest.raises(ArchiveRefused, match=r"none of the weights' classes \(car, person, dog\) is a label"):
        add(rooms.registry, 1, archive())


def test_weights_that_know_a_class_by_its_former_name_have_its_label(rooms, archive):
    rooms.studio.classes.rename(1, "Car", "Auto")
    config = rooms.studio.projects.get(1).label_config.replace("Car", "Auto").replace("Person", "Tram")
    rooms.studio.projects.save(1, "Autos", config)

    assert add(rooms.registry, 1, archive())[1].startswith("1 of 3 classes have a label: car")


def test_a_project_that_is_not_connected_is_named(rooms, archive):
    with pytest.raises(UnknownProject):
        add(rooms.registry, 9, archive())


def test_a_pickle_that_runs_something_does_not_run(rooms, archive, tmp_path, settings):
    marker = tmp_path / "it-ran"
    pickled = pickle.dumps({"model": Running(os.system, f"touch {marker}")}, 2)

    with pytest.raises(WeightsRefused, match=r"imports posix\.system"):
        add(rooms.registry, 1, archive(pickled=pickled))

    assert not marker.exists()
    assert files(settings) == []
    pickle.loads(pickled)  # noqa: S301 (that it would have)
    assert marker.exists()


def test_a_version_that_is_given_out_comes_in_again_as_it_was(rooms, archive, tmp_path):
    facts = VersionFacts(classes=NAMED, thresholds={"floor": 0.1, "display": 0.6}, training={"image_size": 320})
    checkpoint(tmp_path / "own.pt")
    own = rooms.registry.versions.add(1, tmp_path / "own.pt", facts)
    changed = swap(rooms, (rooms.registry.thresholds, Thresholds(0.01, 0.9)))

    sha256 = export(rooms.registry, 1, "1.0.0", tmp_path / "out.tar.gz")
    again, _ = add(changed.registry, 1, tmp_path / "out.tar.gz", sha256=sha256)

    assert (again.sha256, again.image_size) == (own.sha256, 320)
    assert (again.facts.classes, again.facts.thresholds) == (NAMED, facts.thresholds)
    assert again.facts.training["source"]["version"] == "yolo_detector@1.0.0"
    assert export(changed.registry, 1, "1.0.0", tmp_path / "twice.tar.gz") == sha256


def test_damaged_weights_are_not_given_out(rooms, tmp_path):
    version = rooms.registry.versions.add(1, checkpoint(tmp_path / "own.pt"))
    version.weights.write_bytes(b"damaged")

    with pytest.raises(DamagedWeights, match=str(version.weights)):
        export(rooms.registry, 1, version.name, tmp_path / "out.tar.gz")

    assert not (tmp_path / "out.tar.gz").exists()


def test_an_archive_is_written_whole_or_not_at_all(rooms, tmp_path):
    rooms.registry.versions.add(1, checkpoint(tmp_path / "own.pt"))

    with pytest.raises(LoopError, match="no folder"):
        export(rooms.registry, 1, "1.0.0", tmp_path / "missing" / "out.tar.gz")
