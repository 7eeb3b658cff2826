"""A training from its asking to its end, wherever it is killed; what trains is done already."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import sqlalchemy as sa

from loop import jobs
from loop.errors import NotPassed, PayloadError, UpstreamError
from loop.gate.promote_by_hand import promote_by_hand
from loop.storage.exchange_tables import notices
from loop.training.ask import ask_when_due
from loop.training.retrain import ATTEMPTS, cancel, retrain
from loop.training.store import Phase, State
from tests.fakes import FakeDetectors, FakeQueue, Killed
from tests.gate.builders import evaluation
from tests.training.builders import review_tasks

CANDIDATE = b"weights of a candidate"


class Dying:
    """A part in whose method we are killed, before or after it did its work; once."""

    def __init__(self, part, method, when, time=1):
        self._part, self._method, self._when, self._left = part, method, when, time

    def __getattr__(self, name):
        found = getattr(self._part, name)
        return self._dying(found) if name == self._method else found

    def _dying(self, found):
        def call(*args, **kwargs):
            self._left -= 1
            if self._left == 0 and self._when == "before":
                raise Killed
            answer = found(*args, **kwargs)
            if self._left == 0:
                raise Killed
            return answer

        return call


class Measuring(FakeDetectors):
    """Finds a share of what is on the held-out images by a candidate, and by a champion."""

    def __init__(self, candidate=0.9, champion=0.1):
        super().__init__()
        self._candidate, self._champion = candidate, champion

    def base(self):
        return None

    def evaluate(self, weights, data, image_size=None):
        names = sorted(path.stem for path in (data.parent / "images" / "held_out").iterdir())
        is_candidate = weights.read_bytes() == CANDIDATE
        found = evaluation(len(names), false=0, found=self._candidate if is_candidate else self._champion)
        return replace(found, images=tuple(names))

    def latencies(self, weights, images):
        return [10.0 for _ in weights]


@pytest.fixture
def asked(parts):
    """A project with eight reviews and a training asked for, whose epochs are over."""
    gate = replace(parts.policies.gate, least_images=0, least_boxes=0)
    measuring = Measuring()
    parts = replace(parts, detectors=measuring, evaluator=measuring, policies=replace(parts.policies, gate=gate))
    review_tasks(parts, range(1, 9))
    ready(parts, parts.trainings.ask(1, "by hand"))
    return parts


def ready(parts, training):
    folder = parts.runs / f"training-{training.id}"
    folder.mkdir(parents=True)
    (folder / "finished.pt").write_bytes(CANDIDATE)


def told(parts):
    """The notices of trainings; promotions have their own."""
    with parts.engine.connect() as connection:
        told_of = sa.select(notices).where(notices.c.kind.startswith("training."))
        return [(row.kind, row.body) for row in connection.execute(told_of)]


def last(parts):
    return parts.trainings.last(1)[0]


def test_a_training_ends_promoted_and_is_told_of_once(asked):
    line = retrain(asked, 1)

    ended = last(asked)
    (version,) = asked.registry.list(1)
    assert line.startswith("yolo_detector@1.0.0 promoted: mAP50-95 ")
    assert (ended.state, ended.version, ended.error) == (State.PROMOTED, version.name, None)
    assert asked.registry.champion(1) == version
    ((kind, body),) = told(asked)
    assert (kind, body["training"], body["project"], body["state"]) == ("training.finished", ended.id, 1, "promoted")
    assert body["version"] == version.name
    assert sum(body["counts"]["images"].values()) == 8


STEPS = [
    pytest.param("image_cache", "find", "before", 3, id="while-the-snapshot-is-written"),
    pytest.param("trainings", "note", "before", 1, id="before-the-snapshot-is-known"),
    pytest.param("evaluator", "evaluate", "before", 1, id="after-the-last-epoch"),
    pytest.param("registry", "add", "before", 1, id="before-the-registration"),
    pytest.param("registry", "add", "after", 1, id="after-the-registration"),
    pytest.param("trainings", "settle", "before", 1, id="after-the-gate"),
    pytest.param("trainings", "settle", "after", 1, id="after-the-outcome-is-known"),
    pytest.param("registry", "promote", "before", 1, id="before-the-promotion"),
    pytest.param("registry", "promote", "after", 1, id="after-the-promotion"),
    pytest.param("projects", "reviews_seen", "after", 1, id="after-the-reviews-are-seen"),
    pytest.param("outbox", "post", "after", 1, id="after-it-is-told-of"),
    pytest.param("trainings", "end", "before", 1, id="before-it-is-closed"),
    pytest.param("trainings", "end", "after", 1, id="after-it-is-closed"),
]


@pytest.mark.parametrize(("part", "method", "when", "time"), STEPS)
def test_killed_at_any_step_it_ends_once_and_as_if_nothing_had_been(asked, part, method, when, time):
    with pytest.raises(Killed):
        retrain(replace(asked, **{part: Dying(getattr(asked, part), method, when, time)}), 1)

    again = retrain(asked, 1)

    ended = last(asked)
    (version,) = asked.registry.list(1)
    assert "promoted" in again or again == "no training asked for"
    assert (ended.state, ended.version) == (State.PROMOTED, version.name)
    assert ended.report["gate"]["outcome"] == "promoted"
    assert asked.registry.champion(1) == version
    assert [kind for kind, _ in told(asked)] == ["training.finished"]
    assert asked.reviews.new_since(1, asked.projects.get(1).reviews_seen_at) == 0
    assert not asked.trainings.open(1)


@pytest.mark.parametrize(("known", "used"), [(4, 4), (64, 16)], ids=["memory-ran-out", "the-setting-was-lowered"])
def test_a_killed_training_goes_on_with_as_few_images_a_step_as_it_had_come_to(asked, known, used):
    asked.trainings.reach(1, Phase.TRAINING, epoch=1, epochs=2, batch=known)

    retrain(asked, 1)

    assert last(asked).report["batch"] == {"asked": 16, "used": used}
    assert asked.registry.list(1)[0].facts.training["batch"] == used


def test_a_refused_candidate_is_told_of_as_well(asked):
    retrain(replace(asked, evaluator=Measuring(candidate=0.0)), 1)

    assert asked.registry.champion(1) is None
    assert [(kind, body["state"]) for kind, body in told(asked)] == [("training.finished", "refused")]


def test_the_gate_looks_at_who_serves_when_the_candidate_is_there(asked, tmp_path):
    (tmp_path / "better.pt").write_bytes(b"better")
    better = asked.registry.add(1, tmp_path / "better.pt", number="9.0.0")

    class Promoting(Measuring):
        def evaluate(self, weights, data, image_size=None):
            asked.registry.promote(1, better.name, "by hand, while the training runs")
            return super().evaluate(weights, data, image_size)

    retrain(replace(asked, evaluator=Promoting(champion=0.9)), 1)

    assert last(asked).state == State.REFUSED
    assert asked.registry.champion(1) == better


def test_three_deaths_at_the_same_place_are_a_failure(asked):
    for _ in range(ATTEMPTS):
        with pytest.raises(Killed):
            retrain(replace(asked, evaluator=Dying(asked.evaluator, "evaluate", "before")), 1)

    retrain(asked, 1)

    assert last(asked).state == State.FAILED
    assert last(asked).error == "died 3 times at the same place, measuring: see the log of its worker"
    assert [kind for kind, _ in told(asked)] == ["training.failed"]
    assert asked.reviews.new_since(1, asked.projects.get(1).reviews_seen_at) == 0


def test_a_start_that_got_as_far_as_a_version_is_no_death_at_the_same_place(asked):
    for _ in range(ATTEMPTS - 1):
        with pytest.raises(Killed):
            retrain(replace(asked, evaluator=Dying(asked.evaluator, "evaluate", "before")), 1)
    with pytest.raises(Killed):
        retrain(replace(asked, registry=Dying(asked.registry, "add", "after")), 1)

    retrain(asked, 1)

    assert last(asked).state == State.PROMOTED


def test_what_died_in_the_gate_leaves_a_candidate_that_serves_only_by_force(asked):
    for _ in range(ATTEMPTS):
        with pytest.raises(Killed):
            retrain(replace(asked, reports=Dying(asked.reports, "keep", "before")), 1)

    retrain(asked, 1)

    (version,) = asked.registry.list(1)
    assert last(asked).state == State.FAILED
    assert last(asked).error == "died 3 times at the same place, gate: see the log of its worker"
    assert asked.registry.champion(1) is None
    ((kind, body),) = told(asked)
    assert (kind, body["version"]) == ("training.failed", version.name)
    with pytest.raises(NotPassed):
        promote_by_hand(asked, 1, version.name, "it looks fine")
    assert promote_by_hand(asked, 1, version.name, "it looks fine", is_forced=True) == version


def test_deaths_between_which_it_got_further_are_none(parts):
    training = parts.trainings.ask(1, "by hand")
    for epoch in range(1, 20):
        training = parts.trainings.start(training)
        parts.trainings.reach(training.id, Phase.TRAINING, epoch=epoch, epochs=20)
        training = parts.trainings.start(training)

    assert (training.attempts, training.stalled) == (38, 2)


def test_the_same_epoch_again_is_no_progress(parts):
    training = parts.trainings.ask(1, "by hand")
    for _ in range(4):
        training = parts.trainings.start(training)
        parts.trainings.reach(training.id, Phase.TRAINING, epoch=0, epochs=20)

    assert training.stalled == 4


def test_a_training_on_a_device_that_is_not_here_fails_and_says_what_would_do(asked):
    class Elsewhere(Measuring):
        def check_device(self):
            raise PayloadError("LOOP_DEVICE", "cpu, or a GPU that torch sees here (none)", "cuda:0")

    line = retrain(replace(asked, detectors=Elsewhere()), 1)

    assert "failed: LOOP_DEVICE: expected cpu, or a GPU that torch sees here (none), found cuda:0" in line
    assert asked.registry.list(1) == []


def test_an_error_is_kept_short_and_nothing_of_it_is_a_version(asked):
    class Broken(Measuring):
        def evaluate(self, weights, data, image_size=None):
            raise RuntimeError(f"task-00000012.jpg: {'x' * 5000}")

    retrain(replace(asked, evaluator=Broken()), 1)

    assert last(asked).error.startswith("RuntimeError: task 12: task-00000012.jpg: xxx")
    assert len(last(asked).error) < 320
    assert not asked.registry.list(1)


def test_too_few_reviews_are_a_failure_that_says_so(parts):
    parts.trainings.ask(1, "by hand")

    retrain(parts, 1)

    assert last(parts).error.startswith("0 usable of 0 reviewed tasks: at least one")


def test_a_review_that_comes_while_a_training_runs_counts_for_the_next_exactly_once(asked):
    class Reviewing(Measuring):
        def evaluate(self, weights, data, image_size=None):
            if weights.name == "finished.pt":
                review_tasks(asked, [20])
            return super().evaluate(weights, data, image_size)

    retrain(replace(asked, evaluator=Reviewing()), 1)
    after_the_first = asked.reviews.new_since(1, asked.projects.get(1).reviews_seen_at)
    ready(asked, asked.trainings.ask(1, "by hand"))
    retrain(asked, 1)
    after_the_second = asked.reviews.new_since(1, asked.projects.get(1).reviews_seen_at)

    assert (after_the_first, after_the_second) == (1, 0)
    first, second = reversed(asked.trainings.last(1, 2))
    images = [sum(one.report["snapshot"]["images"].values()) for one in (first, second)]
    assert images == [8, 9]


class Locks(FakeQueue):
    """A queue whose locks are free, or held by somebody else."""

    def __init__(self, is_free):
        super().__init__()
        self._is_free = is_free

    def alone(self, name):
        return nullcontext(self._is_free)


def test_a_training_that_only_waits_is_cancelled_at_once(asked):
    found = cancel(replace(asked, queue=Locks(is_free=True)), 1)

    assert (found.state, bool(found.ended_at)) == (State.CANCELLED, True)
    assert retrain(asked, 1) == "no training asked for"
    assert told(asked) == []


def test_a_training_that_runs_stops_at_its_next_look(asked):
    class Cancelling(Measuring):
        def evaluate(self, weights, data, image_size=None):
            assert cancel(replace(asked, queue=Locks(is_free=False)), 1).state == State.RUNNING
            return super().evaluate(weights, data, image_size)

    retrain(replace(asked, evaluator=Cancelling()), 1)

    assert last(asked).state == State.CANCELLED
    assert asked.registry.champion(1) is None


def test_with_redis_down_a_cancelled_training_ends_when_it_is_run(asked):
    class Down(FakeQueue):
        def alone(self, name):
            raise UpstreamError("Redis did not answer")

    cancel(replace(asked, queue=Down()), 1)
    retrain(asked, 1)

    assert last(asked).state == State.CANCELLED


def test_a_training_whose_outcome_is_known_can_no_longer_be_cancelled(asked):
    with pytest.raises(Killed):
        retrain(replace(asked, registry=Dying(asked.registry, "promote", "after")), 1)

    cancel(replace(asked, queue=Locks(is_free=True)), 1)
    retrain(asked, 1)

    assert last(asked).state == State.PROMOTED


def test_where_no_training_is_open_nothing_is_cancelled(parts):
    assert cancel(parts, 1) is None


def test_after_a_cancelled_training_the_same_reviews_ask_with_the_next_one(asked):
    asked = replace(asked, policies=replace(asked.policies, retrain=replace(asked.policies.retrain, retrain_after=5)))
    cancel(replace(asked, queue=Locks(is_free=True)), 1)
    assert not ask_when_due(asked, 1)

    review_tasks(asked, [30])

    assert ask_when_due(asked, 1)
    assert last(asked).asked_by == "9 new reviews"


def test_the_sweep_asks_once_the_cool_down_is_over(asked):
    asked.projects.decide(1, {"retrain_after": 2, "cool_down": 3600, "of_somebody_else": 1})
    retrain(asked, 1)
    review_tasks(asked, range(20, 25))

    jobs._swept(asked)
    too_early = list(asked.trainings.open(1))
    asked.projects.decide(1, {"retrain_after": 2, "cool_down": 0})
    jobs._swept(asked)

    assert too_early == []
    assert [one.asked_by for one in asked.trainings.open(1)] == ["5 new reviews"]
    assert asked.queue.asked.count(("retrain", 1)) >= 1


def test_by_hand_neither_number_nor_cool_down_counts(asked):
    asked.projects.decide(1, {"retrain_after": 99, "cool_down": 3600})
    retrain(asked, 1)

    assert asked.trainings.ask(1, "by hand").state == State.ASKED


def test_an_ended_training_stays_as_it_is(asked):
    retrain(asked, 1)
    ended = last(asked)

    asked.trainings.cancel(ended.id)
    asked.trainings.end(ended.id, State.FAILED, error="too late")

    assert last(asked) == ended
