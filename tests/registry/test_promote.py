"""Which version serves: promote, roll back, pin; and what a kill in the middle leaves."""

import os
import time
from dataclasses import replace

import pytest

from loop.errors import DamagedWeights, NoChampion, Pinned, UnknownVersion, UpstreamError
from loop.regions import Box
from loop.registry.promote import pin, promote, promote_unless_pinned, roll_back, unpin
from loop.registry.store import Facts, WeightsRegistry
from loop.serving.predict import Thresholds
from loop.serving.refresh import is_due, refresh
from loop.training.retrain import retrain
from loop.training.store import Outcome, State
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

    def update_project(self, project_id, **fields):
        version = fields.get("model_version")
        if version and version not in {one["model_version"] for one in self.stored}:
            raise UpstreamError("no such version", 400)
        return super().update_project(project_id, **fields)


@pytest.fixture
def weights(tmp_path):
    def make(content=b"weights"):
        path = tmp_path / "some.pt"
        path.write_bytes(content)
        return path

    return make


@pytest.fixture
def parts(parts, weights):
    """A project with two versions, the newer of which serves, and three open tasks."""
    parts.registry.promote(1, parts.registry.add(1, weights(b"old")).name, "first")
    parts.registry.promote(1, parts.registry.add(1, weights(b"new")).name, "better")
    studio = Choosy([ls_task(n) for n in range(1, 4)])
    ready = replace(parts, label_studio=studio, detectors=FakeDetectors(CAR), images=FakeImages())
    refresh(ready, 1)
    return ready


def due(parts):
    return is_due(parts, parts.projects.get(1))


def served(parts):
    """What serves, and what Label Studio's queue follows."""
    return parts.registry.champion(1).name, parts.label_studio.fields["model_version"]


def test_a_rollback_is_followed_at_once(parts):
    promote(parts, 1, OLD, "a test")
    refresh(parts, 1)
    promote(parts, 1, NEW, "a test")
    refresh(parts, 1)

    roll_back(parts, 1, "worse")

    assert served(parts) == (OLD, OLD)


def test_a_rollback_serves_while_label_studio_is_down_and_is_followed_when_it_is_up(parts):
    studio = parts.label_studio
    down = replace(parts, label_studio=Down(studio.tasks))

    roll_back(down, 1, "worse")
    assert parts.registry.champion(1).name == OLD
    with pytest.raises(UpstreamError):
        refresh(down, 1)
    assert due(parts)

    refresh(parts, 1)
    assert served(parts) == (OLD, OLD)
    assert not due(parts)


def test_a_version_that_label_studio_has_no_prediction_of_is_followed_later(parts):
    empty = replace(parts, label_studio=Choosy([]))

    assert "not set" in refresh(empty, 1)
    assert not due(parts)  # until there is a task


def test_damaged_weights_do_not_begin_to_serve(parts):
    parts.registry.get(1, OLD).weights.write_bytes(b"damaged")

    for act in (lambda: promote(parts, 1, OLD, "x"), lambda: roll_back(parts, 1, "x"), lambda: pin(parts, 1, OLD, "x")):
        with pytest.raises(DamagedWeights, match=f"{OLD}: .* is damaged: expected SHA-256"):
            act()

    assert parts.registry.champion(1).name == NEW


def test_missing_weights_are_damaged_too(parts):
    parts.registry.get(1, OLD).weights.unlink()

    with pytest.raises(DamagedWeights, match="found none"):
        parts.load(parts.registry.get(1, OLD))


@pytest.fixture
def third(parts, weights):
    """A candidate that never served."""
    return parts.registry.add(1, weights(b"third")).name


def test_a_pinned_project_stays_whatever_the_gate_says(parts, third):
    pin(parts, 1, OLD, "a test")

    kept_out = promote_unless_pinned(parts, 1, third, "better")

    assert str(kept_out) == f"project 1 is pinned to {OLD}: run `loop models unpin --project 1` first"
    assert parts.registry.champion(1).name == OLD
    assert parts.projects.get(1).pinned == OLD


def test_a_pinned_project_is_not_moved_by_hand_either(parts):
    pin(parts, 1, OLD, "a test")

    with pytest.raises(Pinned):
        promote(parts, 1, NEW, "a test")
    with pytest.raises(Pinned):
        roll_back(parts, 1, "a test")
    promote(parts, 1, OLD, "it serves already")


def test_an_unpinned_project_is_moved_again(parts, third):
    pin(parts, 1, OLD, "a test")

    assert unpin(parts, 1) == OLD
    assert promote_unless_pinned(parts, 1, third, "better") is None
    assert parts.registry.champion(1).name == third
    assert unpin(parts, 1) is None


def test_a_pin_can_be_moved_and_needs_a_version(parts):
    pin(parts, 1, OLD, "a test")
    pin(parts, 1, NEW, "a test")

    with pytest.raises(UnknownVersion):
        pin(parts, 1, "9.9.9", "a test")
    assert parts.projects.get(1).pinned == parts.registry.champion(1).name == NEW


def test_thresholds_and_image_size_stay_with_the_version_when_the_settings_change(parts, weights):
    facts = Facts(thresholds={"floor": 0.1, "display": 0.4}, training={"image_size": 320})
    own = parts.registry.add(1, weights(), facts)
    changed = replace(parts, policies=replace(parts.policies, thresholds=Thresholds(0.2, 0.8)))

    assert changed.load(own).thresholds == Thresholds(0.1, 0.4)
    assert own.image_size == 320
    assert changed.load(parts.registry.get(1, OLD)).thresholds == Thresholds(0.2, 0.8)  # it has none


def test_two_processes_that_add_at_once_get_two_versions(parts, weights, settings):
    path = weights()
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            from loop.wiring import build

            build(settings).registry.add(1, path)
            os._exit(0)
        children.append(child)
    statuses = [os.waitpid(child, 0)[1] for child in children]

    assert statuses == [0] * 6
    assert [one.name.split("@")[1] for one in parts.registry.list(1)[2:]] == [f"1.{n}.0" for n in range(2, 8)]


def test_killed_between_the_copy_of_the_weights_and_the_row_nothing_is_registered(parts, settings, weights):
    path = weights(b"third")

    def act(own):
        WeightsRegistry(Deadly(own.engine, "begin"), settings.home / "weights", "yolo_detector").add(1, path)

    killed_in(settings, act)
    folder = settings.home / "weights" / "1"
    assert len(parts.registry.list(1)) == 2
    assert len(list(folder.iterdir())) == 3
    assert parts.registry.tidy(1) == 0  # somebody may be about to write the row

    for file in folder.iterdir():
        os.utime(file, (time.time() - 7200, time.time() - 7200))
    assert parts.registry.tidy(1) == 1
    for version in parts.registry.list(1):
        version.verify()


def test_killed_between_the_copy_and_the_row_the_next_try_registers_one_version(parts, settings, weights):
    path = weights(b"third")
    killed_in(settings, lambda own: WeightsRegistry(Deadly(own.engine, "begin"), own.registry._root, "x").add(1, path))

    parts.registry.add(1, path)

    assert len(parts.registry.list(1)) == 3
    assert len(list((settings.home / "weights" / "1").iterdir())) == 3


@pytest.mark.parametrize("method", ["roll_back", "ask_refresh"])
def test_killed_before_the_alias_moved_nothing_has_changed(parts, settings, method):
    def act(own):
        part = "registry" if method == "roll_back" else "projects"
        roll_back(replace(own, **{part: Deadly(getattr(own, part), method)}), 1, "worse")

    killed_in(settings, act, label_studio=parts.label_studio, queue=FakeQueue())

    if due(parts):
        refresh(parts, 1)
    assert served(parts) == (NEW, NEW)


@pytest.mark.parametrize("method", ["project", "update_project"])
def test_killed_between_alias_and_model_version_the_sweep_lets_it_follow(parts, settings, method):
    studio = parts.label_studio
    killed_in(settings, lambda own: roll_back(own, 1, "x"), label_studio=Deadly(studio, method), queue=FakeQueue())
    assert served(parts) == (OLD, NEW)

    assert due(parts)
    refresh(parts, 1)

    assert served(parts) == (OLD, OLD)
    assert not due(parts)


@pytest.mark.parametrize("method", ["update_project", "refreshed"])
def test_killed_between_storing_predictions_and_model_version_the_sweep_lets_it_follow(parts, settings, method):
    promote(parts, 1, OLD, "a test")
    studio, detectors, images = parts.label_studio, parts.detectors, parts.images

    def act(own):
        dying = replace(own, label_studio=Deadly(studio, method), projects=Deadly(own.projects, method))
        refresh(dying, 1)

    killed_in(settings, act, detectors=detectors, images=images, queue=FakeQueue())
    logged = parts.predictions.newest(1, [1, 2, 3])
    assert {one.version for one in logged.values()} == {OLD}  # the child came so far
    studio.store_predictions(1, [{"task": n, "model_version": OLD} for n in (1, 2, 3)])  # as it had in its own memory

    assert due(parts)
    refresh(parts, 1)

    assert served(parts) == (OLD, OLD)
    assert len(parts.predictions.of_task(1, 1)) == 2
    assert not due(parts)


def test_killed_three_times_on_the_way_there_and_back_it_still_follows(parts, settings):
    """The queue follows the other version, and all that was noted down says that the first one was followed."""
    fakes = {"detectors": parts.detectors, "images": parts.images, "queue": FakeQueue()}
    studio = parts.label_studio

    def there(own):
        promote(replace(own, outbox=Deadly(own.outbox, "post")), 1, OLD, "a test")

    def followed(own):
        refresh(replace(own, projects=Deadly(own.projects, "refreshed")), 1)

    def back(own):
        roll_back(replace(own, outbox=Deadly(own.outbox, "post")), 1, "a test")

    for act in (there, followed, back):
        killed_in(settings, act, label_studio=studio, **fakes)
    studio.fields["model_version"] = OLD  # as the second one had in its own memory
    assert served(parts) == (NEW, OLD)

    assert due(parts)
    refresh(parts, 1)

    assert served(parts) == (NEW, NEW)


def test_a_training_finds_the_version_that_it_registered(parts, weights):
    training = parts.trainings.ask(1, "a test")
    made = parts.registry.add(1, weights(b"third"), Facts(training={"training": training.id}))

    assert parts.registry.of_training(1, training.id) == made
    assert parts.registry.of_training(1, training.id + 1) is None


def passed(parts, name):
    """A training that was killed after it was settled that *name* passed the gate."""
    training = parts.trainings.ask(1, "a test")
    parts.trainings.settle(training.id, Outcome(State.PROMOTED, "better", name))
    return training.id


def test_a_training_that_is_run_again_does_not_take_a_rollback_back(parts, third):
    training = passed(parts, third)
    promote(parts, 1, third, "better")
    roll_back(parts, 1, "a person knows better")

    assert retrain(parts, 1) == f"{third} promoted: better"

    assert parts.registry.champion(1).name == NEW
    assert parts.trainings.get(training).state == State.PROMOTED


def test_what_passed_the_gate_of_a_pinned_project_is_kept_and_told(parts, third):
    training = passed(parts, third)
    pin(parts, 1, OLD, "a test")

    line = retrain(parts, 1)

    assert line.startswith(f"{third} passed: it does not serve: project 1 is pinned to {OLD}")
    assert parts.registry.champion(1).name == OLD
    assert parts.trainings.get(training).state == State.PASSED
    assert parts.trainings.get(training).ended_at


def test_there_is_nothing_to_roll_back_to_at_first(settings, parts):
    with pytest.raises(NoChampion):
        roll_back(parts, 2, "a test")
