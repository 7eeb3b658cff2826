"""Which version serves: promote, roll back, pin; and what a kill in the middle leaves."""

import os
import time

import pytest

from loop.errors import DamagedWeights, NoChampion, Pinned, UnknownVersion, UpstreamError
from loop.gate.rule import GateOutcome
from loop.label_studio.prediction_import import NewPrediction
from loop.regions import Box
from loop.registry.loaded_version import Thresholds
from loop.registry.promote import pin, promote, promote_unless_pinned, roll_back, unpin
from loop.registry.store import VersionFacts, WeightsRegistry
from loop.rooms import swap
from loop.serving.refresh import is_due, refresh
from loop.training.retrain import retrain
from loop.training.store import TrainingEnd, TrainingState
from tests.builders import ls_task
from tests.fakes import FakeDetectors, FakeImages, FakeLabelStudio, FakeQueue
from tests.registry.fakes import Deadly, killed_in

CAR = (Box(0, 0, 0.5, 0.5), "car", 0.9)
OLD, NEW = "yolo_detector@1.0.0", "yolo_detector@1.1.0"


class Down(FakeLabelStudio):
    """A Label Studio that does not answer."""

    def project(self, project_id):
        raise UpstreamError("no answer")

    def open_tasks(self, project_id):
        raise UpstreamError("no answer")


class Choosy(FakeLabelStudio):
    """As the real one: it takes a version only where a prediction of it is stored."""

    def update_project(self, project_id, **changes):
        version = changes.get("version")
        if version and version not in {one["model_version"] for one in self.stored}:
            raise UpstreamError("no such version", 400)
        super().update_project(project_id, **changes)


@pytest.fixture
def weights(tmp_path):
    def make(content=b"weights"):
        path = tmp_path / "some.pt"
        path.write_bytes(content)
        return path

    return make


@pytest.fixture
def rooms(rooms, weights):
    """A project with two versions, the newer of which serves, and three open tasks."""
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, weights(b"old")).name, "first")
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, weights(b"new")).name, "better")
    studio = Choosy([ls_task(n) for n in range(1, 4)])
    ready = swap(
        rooms,
        (rooms.studio.client, studio),
        (rooms.registry.detectors, FakeDetectors(CAR)),
        (rooms.vision.images, FakeImages()),
    )
    refresh(ready.serving, 1)
    return ready


def due(rooms):
    return is_due(rooms.serving, rooms.studio.projects.get(1))


def served(rooms):
    """What serves, and what Label Studio's queue follows."""
    return rooms.registry.versions.champion(1).name, rooms.studio.client.fields["model_version"]


def test_a_rollback_is_followed_at_once(rooms):
    promote(rooms.registry, 1, OLD, "a test")
    refresh(rooms.serving, 1)
    promote(rooms.registry, 1, NEW, "a test")
    refresh(rooms.serving, 1)

    roll_back(rooms.registry, 1, "worse")

    assert served(rooms) == (OLD, OLD)


def test_a_rollback_serves_while_label_studio_is_down_and_is_followed_when_it_is_up(rooms):
    studio = rooms.studio.client
    down = swap(rooms, (rooms.studio.client, Down(studio.tasks)))

    roll_back(down.registry, 1, "worse")
    assert rooms.registry.versions.champion(1).name == OLD
    with pytest.raises(UpstreamError):
        refresh(down.serving, 1)
    assert due(rooms)

    refresh(rooms.serving, 1)
    assert served(rooms) == (OLD, OLD)
    assert not due(rooms)


def test_a_version_that_label_studio_has_no_prediction_of_is_followed_later(rooms):
    empty = swap(rooms, (rooms.studio.client, Choosy([])))

    assert "not set" in refresh(empty.serving, 1)
    assert not due(rooms)  # until there is a task


def test_damaged_weights_do_not_begin_to_serve(rooms):
    rooms.registry.versions.get(1, OLD).weights.write_bytes(b"damaged")

    for act in (
        lambda: promote(rooms.registry, 1, OLD, "x"),
        lambda: roll_back(rooms.registry, 1, "x"),
        lambda: pin(rooms.registry, 1, OLD, "x"),
    ):
        with pytest.raises(DamagedWeights, match=f"{OLD}: .* is damaged: expected SHA-256"):
            act()

    assert rooms.registry.versions.champion(1).name == NEW


def test_missing_weights_are_damaged_too(rooms):
    rooms.registry.versions.get(1, OLD).weights.unlink()

    with pytest.raises(DamagedWeights, match="found none"):
        rooms.registry.load(rooms.registry.versions.get(1, OLD))


@pytest.fixture
def third(rooms, weights):
    """A candidate that never served."""
    return rooms.registry.versions.add(1, weights(b"third")).name


def test_a_pinned_project_stays_whatever_the_gate_says(rooms, third):
    pin(rooms.registry, 1, OLD, "a test")

    kept_out = promote_unless_pinned(rooms.registry, 1, third, "better")

    assert str(kept_out) == f"project 1 is pinned to {OLD}: run `loop models unpin --project 1` first"
    assert rooms.registry.versions.champion(1).name == OLD
    assert rooms.studio.projects.get(1).pinned == OLD


def test_a_pinned_project_is_not_moved_by_hand_either(rooms):
    pin(rooms.registry, 1, OLD, "a test")

    with pytest.raises(Pinned):
        promote(rooms.registry, 1, NEW, "a test")
    with pytest.raises(Pinned):
        roll_back(rooms.registry, 1, "a test")
    promote(rooms.registry, 1, OLD, "it serves already")


def test_an_unpinned_project_is_moved_again(rooms, third):
    pin(rooms.registry, 1, OLD, "a test")

    assert unpin(rooms.registry, 1) == OLD
    assert promote_unless_pinned(rooms.registry, 1, third, "better") is None
    assert rooms.registry.versions.champion(1).name == third
    assert unpin(rooms.registry, 1) is None


def test_a_pin_can_be_moved_and_needs_a_version(rooms):
    pin(rooms.registry, 1, OLD, "a test")
    pin(rooms.registry, 1, NEW, "a test")

    with pytest.raises(UnknownVersion):
        pin(rooms.registry, 1, "9.9.9", "a test")
    assert rooms.studio.projects.get(1).pinned == rooms.registry.versions.champion(1).name == NEW


def test_thresholds_and_image_size_stay_with_the_version_when_the_settings_change(rooms, weights):
    facts = VersionFacts(thresholds={"floor": 0.1, "display": 0.4}, training={"image_size": 320})
    own = rooms.registry.versions.add(1, weights(), facts)
    changed = swap(rooms, (rooms.registry.thresholds, Thresholds(0.2, 0.8)))

    assert changed.registry.load(own).thresholds == Thresholds(0.1, 0.4)
    assert own.image_size == 320
    assert changed.registry.load(rooms.registry.versions.get(1, OLD)).thresholds == Thresholds(0.2, 0.8)  # it has none


def test_two_processes_that_add_at_once_get_two_versions(rooms, weights, settings):
    path = weights()
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            from loop.wiring import build

            build(settings).registry.versions.add(1, path)
            os._exit(0)
        children.append(child)
    statuses = [os.waitpid(child, 0)[1] for child in children]

    assert statuses == [0] * 6
    assert [one.name.split("@")[1] for one in rooms.registry.versions.list(1)[2:]] == [f"1.{n}.0" for n in range(2, 8)]


def test_killed_between_the_copy_of_the_weights_and_the_row_nothing_is_registered(rooms, settings, weights):
    path = weights(b"third")

    def act(own):
        WeightsRegistry(Deadly(own.engine, "begin"), settings.home / "weights", "yolo_detector").add(1, path)

    killed_in(settings, act)
    folder = settings.home / "weights" / "1"
    assert len(rooms.registry.versions.list(1)) == 2
    assert len(list(folder.iterdir())) == 3
    assert rooms.registry.versions.tidy(1) == 0  # somebody may be about to write the row

    for file in folder.iterdir():
        os.utime(file, (time.time() - 7200, time.time() - 7200))
    assert rooms.registry.versions.tidy(1) == 1
    for version in rooms.registry.versions.list(1):
        version.verify()


def test_killed_between_the_copy_and_the_row_the_next_try_registers_one_version(rooms, settings, weights):
    path = weights(b"third")
    killed_in(
        settings,
        lambda own: WeightsRegistry(Deadly(own.engine, "begin"), own.registry.versions._root, "x").add(1, path),
    )

    rooms.registry.versions.add(1, path)

    assert len(rooms.registry.versions.list(1)) == 3
    assert len(list((settings.home / "weights" / "1").iterdir())) == 3


@pytest.mark.parametrize("method", ["roll_back", "ask_refresh"])
def test_killed_before_the_alias_moved_nothing_has_changed(rooms, settings, method):
    def act(own):
        part = own.registry.versions if method == "roll_back" else own.studio.projects
        roll_back(swap(own, (part, Deadly(part, method))).registry, 1, "worse")

    killed_in(settings, act, {"studio.client": rooms.studio.client, "queue": FakeQueue()})

    if due(rooms):
        refresh(rooms.serving, 1)
    assert served(rooms) == (NEW, NEW)


@pytest.mark.parametrize("method", ["project", "update_project"])
def test_killed_between_alias_and_model_version_the_sweep_lets_it_follow(rooms, settings, method):
    studio = rooms.studio.client
    fakes = {"studio.client": Deadly(studio, method), "queue": FakeQueue()}
    killed_in(settings, lambda own: roll_back(own.registry, 1, "x"), fakes)
    assert served(rooms) == (OLD, NEW)

    assert due(rooms)
    refresh(rooms.serving, 1)

    assert served(rooms) == (OLD, OLD)
    assert not due(rooms)


@pytest.mark.parametrize("method", ["update_project", "record_refresh"])
def test_killed_between_storing_predictions_and_model_version_the_sweep_lets_it_follow(rooms, settings, method):
    promote(rooms.registry, 1, OLD, "a test")
    studio, detectors, images = rooms.studio.client, rooms.registry.detectors, rooms.vision.images

    def act(own):
        dying = swap(
            own, (own.studio.client, Deadly(studio, method)), (own.studio.projects, Deadly(own.studio.projects, method))
        )
        refresh(dying.serving, 1)

    killed_in(settings, act, {"registry.detectors": detectors, "vision.images": images, "queue": FakeQueue()})
    logged = rooms.serving.predictions.newest(1, [1, 2, 3])
    assert {one.version for one in logged.values()} == {OLD}  # the child came so far
    studio.store_predictions(1, [NewPrediction(n, OLD, 0.5, []) for n in (1, 2, 3)])  # as it had in its own memory

    assert due(rooms)
    refresh(rooms.serving, 1)

    assert served(rooms) == (OLD, OLD)
    assert len(rooms.serving.predictions.of_task(1, 1)) == 2
    assert not due(rooms)


def test_killed_three_times_on_the_way_there_and_back_it_still_follows(rooms, settings):
    """The queue follows the other version, and all that was noted down says that the first one was followed."""
    fakes = {"registry.detectors": rooms.registry.detectors, "vision.images": rooms.vision.images, "queue": FakeQueue()}
    studio = rooms.studio.client

    def there(own):
        promote(swap(own, (own.outbox, Deadly(own.outbox, "post"))).registry, 1, OLD, "a test")

    def followed(own):
        projects = own.studio.projects
        refresh(swap(own, (projects, Deadly(projects, "record_refresh"))).serving, 1)

    def back(own):
        roll_back(swap(own, (own.outbox, Deadly(own.outbox, "post"))).registry, 1, "a test")

    for act in (there, followed, back):
        killed_in(settings, act, {"studio.client": studio, **fakes})
    studio.fields["model_version"] = OLD  # as the second one had in its own memory
    assert served(rooms) == (NEW, OLD)

    assert due(rooms)
    refresh(rooms.serving, 1)

    assert served(rooms) == (NEW, NEW)


def test_a_training_finds_the_version_that_it_registered(rooms, weights):
    training = rooms.trainings.store.ask(1, "a test")
    made = rooms.registry.versions.add(1, weights(b"third"), VersionFacts(training={"training": training.id}))

    assert rooms.registry.versions.of_training(1, training.id) == made
    assert rooms.registry.versions.of_training(1, training.id + 1) is None


def passed(rooms, name):
    """A training that was killed after it was settled that *name* passed the gate."""
    training = rooms.trainings.store.ask(1, "a test")
    rooms.trainings.store.settle(training.id, TrainingEnd(TrainingState.ENDED, "better", name, GateOutcome.PROMOTED))
    return training.id


def test_a_training_that_is_run_again_does_not_take_a_rollback_back(rooms, third):
    training = passed(rooms, third)
    promote(rooms.registry, 1, third, "better")
    roll_back(rooms.registry, 1, "a person knows better")

    assert retrain(rooms.trainings, 1) == f"{third} promoted: better"

    assert rooms.registry.versions.champion(1).name == NEW
    assert rooms.trainings.store.get(training).status == "promoted"


def test_what_passed_the_gate_of_a_pinned_project_is_kept_and_told(rooms, third):
    training = passed(rooms, third)
    pin(rooms.registry, 1, OLD, "a test")

    line = retrain(rooms.trainings, 1)

    assert line.startswith(f"{third} passed: it does not serve: project 1 is pinned to {OLD}")
    assert rooms.registry.versions.champion(1).name == OLD
    assert rooms.trainings.store.get(training).status == "passed"
    assert rooms.trainings.store.get(training).ended_at


def test_there_is_nothing_to_roll_back_to_at_first(settings, rooms):
    with pytest.raises(NoChampion):
        roll_back(rooms.registry, 2, "a test")
