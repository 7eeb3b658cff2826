"""A training from its asking to its end, wherever it is killed; what trains is done already."""

from dataclasses import replace
from operator import attrgetter

import pytest

from loop.errors import NotPassed, PayloadError
from loop.gate.promote_by_hand import promote_by_hand
from loop.registry.promote import pin, promote
from loop.storage.audit import AuditTrail
from loop.training.retrain import ATTEMPTS, retrain
from loop.training.store import Phase, TrainingState
from tests.fakes import Killed
from tests.swap import swap
from tests.training.builders import last, read_notices, ready, review_tasks
from tests.training.fakes import Dying, Measuring


def test_a_training_ends_promoted_and_is_told_of_once(asked):
    line = retrain(asked.trainings, 1)

    ended = last(asked)
    (version,) = asked.registry.versions.list(1)
    assert line.startswith("yolo_detector@1.0.0 promoted: mAP50-95 ")
    assert (ended.status, ended.version, ended.error) == ("promoted", version.name, None)
    assert asked.registry.versions.champion(1) == version
    ((kind, body),) = read_notices(asked)
    assert (kind, body["training"], body["project"], body["state"]) == ("training.finished", ended.id, 1, "promoted")
    assert body["version"] == version.name
    assert sum(body["counts"]["images"].values()) == 8


def test_a_training_promotes_in_its_own_name(asked):
    retrain(asked.trainings, 1)

    (promotion,) = [entry for entry in AuditTrail(asked.engine).read(1) if entry.kind == "promote"]
    assert promotion.who == f"training {last(asked).id}"
    assert promotion.why == last(asked).report["outcome"]["reason"]


STEPS = [
    pytest.param("vision.cache", "find", "before", 3, id="while-the-snapshot-is-written"),
    pytest.param("trainings.store", "note", "before", 3, id="before-the-snapshot-is-known"),
    pytest.param("gate.evaluator", "evaluate", "before", 1, id="after-the-last-epoch"),
    pytest.param("registry.versions", "add", "before", 1, id="before-the-registration"),
    pytest.param("registry.versions", "add", "after", 1, id="after-the-registration"),
    pytest.param("trainings.store", "settle", "before", 1, id="after-the-gate"),
    pytest.param("trainings.store", "settle", "after", 1, id="after-the-outcome-is-known"),
    pytest.param("registry.versions", "promote", "before", 1, id="before-the-promotion"),
    pytest.param("registry.versions", "promote", "after", 1, id="after-the-promotion"),
    pytest.param("studio.projects", "mark_reviews_seen", "after", 1, id="after-the-reviews-are-seen"),
    pytest.param("outbox", "post", "after", 1, id="after-it-is-told-of"),
    pytest.param("trainings.store", "end", "before", 1, id="before-it-is-closed"),
    pytest.param("trainings.store", "end", "after", 1, id="after-it-is-closed"),
]


@pytest.mark.parametrize(("place", "method", "when", "time"), STEPS)
def test_killed_at_any_step_it_ends_once_and_as_if_nothing_had_been(asked, place, method, when, time):
    with pytest.raises(Killed):
        retrain(
            swap(asked, (attrgetter(place)(asked), Dying(attrgetter(place)(asked), method, when, time))).trainings, 1
        )

    again = retrain(asked.trainings, 1)

    ended = last(asked)
    (version,) = asked.registry.versions.list(1)
    assert "promoted" in again or again == "no training asked for"
    assert (ended.status, ended.version) == ("promoted", version.name)
    assert ended.report["gate"]["outcome"] == "promoted"
    assert asked.registry.versions.champion(1) == version
    assert [kind for kind, _ in read_notices(asked)] == ["training.finished"]
    assert asked.reviews.store.new_since(1, asked.studio.projects.get(1).reviews_seen_at) == 0
    assert not asked.trainings.store.open(1)


def pinned(rooms, folder):
    (folder / "first.pt").write_bytes(b"first")
    first = rooms.registry.versions.add(1, folder / "first.pt", number="0.1.0")
    promote(rooms.registry, 1, first.name, "a test")
    pin(rooms.registry, 1, first.name, "a test")
    return rooms


OTHER_ENDS = {
    "refused": lambda rooms, _: swap(rooms, (rooms.gate.evaluator, Measuring(candidate=0.0))),
    "held": lambda rooms, _: swap(rooms, (rooms.gate.policy, replace(rooms.gate.policy, least_images=100))),
    "passed": pinned,
}


@pytest.mark.parametrize(("method", "when"), [("settle", "after"), ("end", "before")])
@pytest.mark.parametrize("status", OTHER_ENDS)
def test_killed_once_its_end_is_recorded_a_training_that_does_not_serve_ends_so(asked, tmp_path, status, method, when):
    rooms = OTHER_ENDS[status](asked, tmp_path)
    champion = rooms.registry.versions.champion(1)
    with pytest.raises(Killed):
        retrain(swap(rooms, (rooms.trainings.store, Dying(rooms.trainings.store, method, when))).trainings, 1)
    assert last(rooms).status == "running"

    retrain(rooms.trainings, 1)

    assert last(rooms).status == status
    assert rooms.registry.versions.champion(1) == champion
    assert [body["state"] for _, body in read_notices(rooms)] == [status]


@pytest.mark.parametrize(("known", "used"), [(4, 4), (64, 16)], ids=["memory-ran-out", "the-setting-was-lowered"])
def test_a_killed_training_goes_on_with_as_few_images_a_step_as_it_had_come_to(asked, known, used):
    asked = swap(asked, (asked.trainings.policy, replace(asked.trainings.policy, least_steps=0)))
    asked.trainings.store.reach(1, Phase.TRAINING, epoch=1, epochs=2, batch=known)

    retrain(asked.trainings, 1)

    assert last(asked).report["batch"] == {"asked": 16, "used": used}
    assert asked.registry.versions.list(1)[0].facts.training["batch"] == used


def test_few_images_are_trained_on_in_smaller_batches_which_is_not_lack_of_memory(asked):
    retrain(asked.trainings, 1)

    assert last(asked).report["batch"] == {"asked": 4, "used": 4}
    assert asked.registry.versions.list(1)[0].facts.training["batch"] == 4


def test_a_refused_candidate_is_told_of_as_well(asked):
    retrain(swap(asked, (asked.gate.evaluator, Measuring(candidate=0.0))).trainings, 1)

    assert asked.registry.versions.champion(1) is None
    assert [(kind, body["state"]) for kind, body in read_notices(asked)] == [("training.finished", "refused")]


def test_the_gate_looks_at_who_serves_when_the_candidate_is_there(asked, tmp_path):
    (tmp_path / "better.pt").write_bytes(b"better")
    better = asked.registry.versions.add(1, tmp_path / "better.pt", number="9.0.0")

    class Promoting(Measuring):
        def evaluate(self, weights, data, framing=None, *labels):
            asked.registry.versions.promote(1, better.name, "by hand, while the training runs")
            return super().evaluate(weights, data, framing, *labels)

    retrain(swap(asked, (asked.gate.evaluator, Promoting(champion=0.9))).trainings, 1)

    assert last(asked).status == "refused"
    assert asked.registry.versions.champion(1) == better


def test_three_deaths_at_the_same_place_are_a_failure(asked):
    for _ in range(ATTEMPTS):
        with pytest.raises(Killed):
            retrain(swap(asked, (asked.gate.evaluator, Dying(asked.gate.evaluator, "evaluate", "before"))).trainings, 1)

    retrain(asked.trainings, 1)

    assert last(asked).state == TrainingState.FAILED
    assert last(asked).error == "died 3 times at the same place, measuring: see the log of its worker"
    assert [kind for kind, _ in read_notices(asked)] == ["training.failed"]
    assert asked.reviews.store.new_since(1, asked.studio.projects.get(1).reviews_seen_at) == 0


def test_a_start_that_got_as_far_as_a_version_is_no_death_at_the_same_place(asked):
    for _ in range(ATTEMPTS - 1):
        with pytest.raises(Killed):
            retrain(swap(asked, (asked.gate.evaluator, Dying(asked.gate.evaluator, "evaluate", "before"))).trainings, 1)
    with pytest.raises(Killed):
        retrain(swap(asked, (asked.registry.versions, Dying(asked.registry.versions, "add", "after"))).trainings, 1)

    retrain(asked.trainings, 1)

    assert last(asked).status == "promoted"


def test_what_died_in_the_gate_leaves_a_candidate_that_serves_only_by_force(asked):
    for _ in range(ATTEMPTS):
        with pytest.raises(Killed):
            retrain(swap(asked, (asked.gate.reports, Dying(asked.gate.reports, "write", "before"))).trainings, 1)

    retrain(asked.trainings, 1)

    (version,) = asked.registry.versions.list(1)
    assert last(asked).state == TrainingState.FAILED
    assert last(asked).error == "died 3 times at the same place, gate: see the log of its worker"
    assert asked.registry.versions.champion(1) is None
    ((kind, body),) = read_notices(asked)
    assert (kind, body["version"]) == ("training.failed", version.name)
    with pytest.raises(NotPassed):
        promote_by_hand(asked.gate, 1, version.name, "it looks fine")
    assert promote_by_hand(asked.gate, 1, version.name, "it looks fine", is_forced=True) == version


def test_a_training_on_a_device_that_is_not_here_fails_and_says_what_would_do(asked):
    class Elsewhere(Measuring):
        def check_device(self):
            raise PayloadError("LOOP_DEVICE", "cpu, or a GPU that torch sees here (none)", "cuda:0")

    line = retrain(swap(asked, (asked.registry.detectors, Elsewhere())).trainings, 1)

    assert "failed: LOOP_DEVICE: expected cpu, or a GPU that torch sees here (none), found cuda:0" in line
    assert asked.registry.versions.list(1) == []


def test_an_error_is_kept_short_and_nothing_of_it_is_a_version(asked):
    class Broken(Measuring):
        def evaluate(self, weights, data, framing=None, *labels):
            raise RuntimeError(f"task-00000012.jpg: {'x' * 5000}")

    retrain(swap(asked, (asked.gate.evaluator, Broken())).trainings, 1)

    assert last(asked).error.startswith("RuntimeError: task 12: task-00000012.jpg: xxx")
    assert len(last(asked).error) < 320
    assert not asked.registry.versions.list(1)


def test_too_few_reviews_are_a_failure_that_says_so(rooms):
    rooms.trainings.store.ask(1, "by hand")

    retrain(rooms.trainings, 1)

    assert last(rooms).error.startswith("0 usable of 0 reviewed tasks: at least one")


def test_a_review_that_comes_while_a_training_runs_counts_for_the_next_exactly_once(asked):
    class Reviewing(Measuring):
        def evaluate(self, weights, data, framing=None, *labels):
            if weights.name == "finished.pt":
                review_tasks(asked, [20])
            return super().evaluate(weights, data, framing, *labels)

    retrain(swap(asked, (asked.gate.evaluator, Reviewing())).trainings, 1)
    after_the_first = asked.reviews.store.new_since(1, asked.studio.projects.get(1).reviews_seen_at)
    ready(asked, asked.trainings.store.ask(1, "by hand"))
    retrain(asked.trainings, 1)
    after_the_second = asked.reviews.store.new_since(1, asked.studio.projects.get(1).reviews_seen_at)

    assert (after_the_first, after_the_second) == (1, 0)
    first, second = reversed(asked.trainings.store.last(1, 2))
    images = [sum(one.report["snapshot"]["images"].values()) for one in (first, second)]
    assert images == [8, 9]


def test_an_ended_training_stays_as_it_is(asked):
    retrain(asked.trainings, 1)
    ended = last(asked)

    asked.trainings.store.cancel(ended.id)
    asked.trainings.store.end(ended.id, TrainingState.FAILED, error="too late")

    assert last(asked) == ended
