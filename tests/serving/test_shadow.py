"""A version that answers beside the champion."""

import pytest

from loop.errors import RegistryError, UnknownVersion, UpstreamError
from loop.rates.compare_shadow import compare_shadows
from loop.rates.rates import Rates
from loop.rates.shadow_store import ShadowStore
from loop.regions import Box
from loop.registry.promote import promote
from loop.serving import shadow
from loop.serving.refresh import is_due, refresh
from loop.serving.shadow_share import is_in_share
from loop.training.after_reviews import review as work
from tests.builders import created, ls_region, ls_task
from tests.fakes import FakeDetector, FakeImages, FakeLabelStudio
from tests.swap import swap

OLD, NEW = "yolo_detector@1.0.0", "yolo_detector@1.1.0"
CAR, PERSON, WRONG = (
    (Box(0.1, 0.1, 0.4, 0.4), "car", 0.9),
    (Box(0.6, 0.6, 0.9, 0.9), "person", 0.8),
    (Box(0.1, 0.6, 0.3, 0.9), "car", 0.7),
)


class Detectors:
    """The first version finds the car and something that is not there, the second one car and person, a bit aside."""

    def load(self, weights, framing=None):
        moved = (Box(0.11, 0.11, 0.41, 0.41), "car", 0.9)
        return FakeDetector(CAR, WRONG) if weights.read_bytes() == b"old" else FakeDetector(moved, PERSON)


@pytest.fixture
def rooms(rooms, tmp_path):
    """A project with a champion, a candidate and ten open tasks."""
    for content in (b"old", b"new"):
        (tmp_path / "some.pt").write_bytes(content)
        rooms.registry.versions.add(1, tmp_path / "some.pt")
    rooms.registry.versions.promote(1, OLD, "first")
    studio = FakeLabelStudio([ls_task(n) for n in range(1, 11)])
    return swap(
        rooms,
        (rooms.studio.client, studio),
        (rooms.registry.detectors, Detectors()),
        (rooms.vision.images, FakeImages()),
    )


def versions_logged(rooms, *, is_shadow):
    predictions = rooms.serving.predictions.newest(1, range(1, 11), is_shadow=is_shadow)
    return {task: one.version for task, one in predictions.items()}


def stored(rooms):
    return [(one["task"], one["model_version"]) for one in rooms.studio.client.stored]


def test_a_shadow_answers_its_share_and_is_not_shown(rooms):
    shadow.begin(rooms.serving, 1, NEW, 0.5)
    assert is_due(rooms.serving, rooms.studio.projects.get(1))

    line = refresh(rooms.serving, 1)

    mine = [task for task in range(1, 11) if is_in_share(1, task, 0.5)]
    assert 0 < len(mine) < 10
    assert versions_logged(rooms, is_shadow=True) == dict.fromkeys(mine, NEW)
    assert versions_logged(rooms, is_shadow=False) == dict.fromkeys(range(1, 11), OLD)
    assert sorted(stored(rooms)) == [(task, OLD) for task in range(1, 11)]
    assert rooms.studio.client.fields["model_version"] == OLD
    assert f"shadow {NEW}: {len(mine)} of {len(mine)} tasks" in line


def test_a_shadow_answers_each_task_once(rooms):
    shadow.begin(rooms.serving, 1, NEW, 1.0)
    refresh(rooms.serving, 1)

    assert "shadow" not in refresh(rooms.serving, 1)
    assert len(rooms.serving.predictions.of_task(1, 1, is_shadow=True)) == 1


def test_a_shadow_that_is_shown_is_stored_beside_the_champion(rooms):
    shadow.begin(rooms.serving, 1, NEW, 1.0)
    refresh(rooms.serving, 1)
    shadow.begin(rooms.serving, 1, NEW, 1.0, is_shown=True)
    refresh(rooms.serving, 1)
    refresh(rooms.serving, 1)

    assert sorted(stored(rooms)) == sorted((task, name) for task in range(1, 11) for name in (OLD, NEW))
    assert len(rooms.serving.predictions.of_task(1, 1, is_shadow=True)) == 1
    assert rooms.studio.client.fields["model_version"] == OLD


def test_a_shown_shadow_that_is_promoted_is_logged_as_served(rooms):
    shadow.begin(rooms.serving, 1, NEW, 1.0, is_shown=True)
    refresh(rooms.serving, 1)

    promote(rooms.registry, 1, NEW, "better")
    refresh(rooms.serving, 1)
    refresh(rooms.serving, 1)

    assert versions_logged(rooms, is_shadow=False) == dict.fromkeys(range(1, 11), NEW)
    assert [one.version for one in rooms.serving.predictions.of_task(1, 1)] == [OLD, NEW]
    assert len(rooms.studio.client.stored) == 20


def test_a_shadow_that_is_off_answers_nothing_more(rooms):
    shadow.begin(rooms.serving, 1, NEW, 1.0)
    shadow.end(rooms.serving, 1)

    refresh(rooms.serving, 1)

    assert versions_logged(rooms, is_shadow=True) == {}


def test_a_shadow_whose_weights_are_damaged_costs_the_champion_nothing(rooms):
    shadow.begin(rooms.serving, 1, NEW, 1.0)
    rooms.registry.versions.get(1, NEW).weights.write_bytes(b"damaged")

    line = refresh(rooms.serving, 1)

    assert "is damaged" in line
    assert versions_logged(rooms, is_shadow=False) == dict.fromkeys(range(1, 11), OLD)
    assert not is_due(rooms.serving, rooms.studio.projects.get(1))


class Failing(FakeLabelStudio):
    """Goes away when the second version's predictions are stored."""

    def store_predictions(self, project_id, predictions):
        if any(one.version == NEW for one in predictions):
            raise UpstreamError("no answer")
        return super().store_predictions(project_id, predictions)


def test_a_shadow_that_is_cut_off_is_asked_for_again_and_the_champion_is_followed(rooms):
    shadow.begin(rooms.serving, 1, NEW, 1.0, is_shown=True)
    failing = swap(rooms, (rooms.studio.client, Failing(rooms.studio.client.tasks)))

    with pytest.raises(UpstreamError):
        refresh(failing.serving, 1)

    assert failing.studio.client.fields["model_version"] == OLD
    assert is_due(rooms.serving, rooms.studio.projects.get(1))


@pytest.mark.parametrize(
    ("name", "share", "error"),
    [
        pytest.param(OLD, 0.2, "serves", id="the-champion"),
        pytest.param("9.9.9", 0.2, "no version", id="unknown"),
        pytest.param(NEW, 0.0, "--share", id="no-share"),
        pytest.param(NEW, 1.1, "--share", id="too-large"),
        pytest.param(NEW, float("nan"), "--share", id="no-number"),
    ],
)
def test_what_cannot_be_a_shadow_is_refused(rooms, name, share, error):
    with pytest.raises((RegistryError, UnknownVersion), match=error):
        shadow.begin(rooms.serving, 1, name, share)


def test_the_share_is_the_same_tasks_every_time_and_grows():
    small, large = ({task for task in range(5000) if is_in_share(7, task, share)} for share in (0.2, 0.5))

    assert small < large
    assert 900 < len(small) < 1100


def reviewed(rooms, *regions, task=1, **fields):
    event = created(*regions, task=task, annotation=task, **fields)
    rooms.reviews.events.append(1, event["action"], event)
    work(rooms.trainings, 1)


def test_a_review_judges_both_and_only_what_served_counts(rooms):
    shadow.begin(rooms.serving, 1, NEW, 1.0)
    refresh(rooms.serving, 1)
    predicted = rooms.serving.predictions.of_task(1, 1)[0].regions[0]

    reviewed(rooms, ls_region(predicted.id, "Car"), ls_region("drawn", "Person", x=60, y=60))

    (only,) = rooms.rates.store.count_by_version(1).items()
    assert only == (OLD, Rates(confirmed=1, false_positive=1, missed=1))
    (tried,) = ShadowStore(rooms.engine).read_answers(1)
    assert (tried.shadow, tried.champion, len(tried.by_champion), len(tried.reviewed)) == (NEW, OLD, 2, 2)
    assert compare_shadows(rooms.rates, 1) == {
        f"{OLD} (served, on 1 tasks)": Rates(confirmed=1, false_positive=1, missed=1),
        f"{NEW} (shadow, on 1 tasks)": Rates(confirmed=2),
    }


def test_a_task_with_nothing_on_it_counts_for_both(rooms):
    shadow.begin(rooms.serving, 1, NEW, 1.0)
    refresh(rooms.serving, 1)

    reviewed(rooms, parent_prediction=9)

    assert [found.false_positive for found in compare_shadows(rooms.rates, 1).values()] == [2, 2]
    assert rooms.rates.store.count_by_version(1) == {OLD: Rates(false_positive=2)}


def test_tasks_that_are_not_reviewed_compare_nothing(rooms):
    shadow.begin(rooms.serving, 1, NEW, 1.0)
    refresh(rooms.serving, 1)

    assert compare_shadows(rooms.rates, 1) == {}


def test_verdicts_on_a_shadow_go_when_the_review_goes(rooms):
    shadow.begin(rooms.serving, 1, NEW, 1.0)
    refresh(rooms.serving, 1)
    reviewed(rooms, ls_region("drawn", "Person", x=60, y=60))
    event = {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 1}], "project": 1}
    rooms.reviews.events.append(1, event["action"], event)
    work(rooms.trainings, 1)

    assert compare_shadows(rooms.rates, 1) == {}


def test_each_request_and_each_job_is_an_execution(rooms):
    refresh(rooms.serving, 1)
    first = {one.execution for one in rooms.serving.predictions.newest(1, range(1, 11)).values()}
    promote(rooms.registry, 1, NEW, "a test")
    refresh(rooms.serving, 1)
    second = {one.execution for one in rooms.serving.predictions.newest(1, range(1, 11)).values()}

    assert len(first) == len(second) == 1
    assert len(first | second) == 2
    assert all(len(one) == 36 for one in first | second)
