"""Where the version that serves cannot be loaded, or fails: empty predictions that say why, and nothing stored."""

import time

import pytest

from backend.app import create_app
from loop.errors import DetectionFailed, DetectorBroken, WeightsRefused
from loop.installation.checks_model import detector, labels
from loop.installation.findings import Level
from loop.regions import Box
from loop.serving.predictor import Predictor
from loop.serving.refresh import is_due, refresh
from loop.settings import Settings
from tests.backend.builders import LOGIN, client_of
from tests.builders import CONFIG, ls_task
from tests.fakes import FakeDetector, FakeDetectors, FakeImages, FakeLabelStudio, FakeQueue
from tests.swap import swap

CAR = (Box(0.1, 0.1, 0.4, 0.4), "car", 0.9)
VERSION = "yolo_detector@1.0.0"
BROKEN = "CUDA error: device-side assert triggered"


class Failing(FakeDetector):
    """Fails on some passes, counted from 1, with an error."""

    def __init__(self, error, passes=range(1, 1000)):
        super().__init__(CAR)
        self._error, self._passes, self._count = error, passes, 0

    def detect(self, images, floor):
        self._count += 1
        if self._count in self._passes:
            raise self._error
        return super().detect(images, floor)


class Given(FakeDetectors):
    """Gives one detector after another, or raises an error in its place; the last one again and again."""

    def __init__(self, *detectors):
        super().__init__()
        self._detectors = list(detectors)

    def load(self, weights, framing=None):
        detector = self._detectors.pop(0) if len(self._detectors) > 1 else self._detectors[0]
        if isinstance(detector, Exception):
            raise detector
        return detector


@pytest.fixture
def ready(rooms, tmp_path):
    """A project with a champion and three open tasks."""
    (tmp_path / "some.pt").write_bytes(b"weights")
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, tmp_path / "some.pt").name, "first")
    return swap(
        rooms,
        (rooms.studio.client, FakeLabelStudio([ls_task(n) for n in range(1, 4)])),
        (rooms.vision.images, FakeImages()),
    )


@pytest.fixture
def served(tmp_path):
    """Serve a champion whose detectors are given; return the client, the rooms and what a request answers."""
    app = create_app(Settings.read({"LOOP_HOME": str(tmp_path / "home"), **LOGIN}))
    built = app.extensions["rooms"]

    def serve(*detectors):
        rooms = swap(
            built,
            (built.queue, FakeQueue()),
            (built.vision.images, FakeImages()),
            (built.registry.detectors, Given(*detectors)),
        )
        rooms.studio.projects.save(1, "Cars", CONFIG)
        (tmp_path / "some.pt").write_bytes(b"weights")
        rooms.registry.versions.promote(1, rooms.registry.versions.add(1, tmp_path / "some.pt").name, "first")
        app.extensions.update(rooms=rooms, predictor=Predictor(rooms.serving, retry_seconds=0.0))
        return rooms, client_of(app)

    yield serve
    built.close()


def predict(client, *tasks):
    answer = client.post("/predict", json={"tasks": list(tasks), "project": "1.1", "label_config": CONFIG})
    assert answer.status_code == 200
    return answer.json


def set_up(client):
    return client.post("/setup", json={"project": "1.1", "schema": CONFIG})


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(WeightsRefused(VERSION, "damaged", "copy it again"), id="refused-weights"),
        pytest.param(RuntimeError("something of torch"), id="anything-that-torch-raises"),
        pytest.param(Failing(DetectorBroken(BROKEN)), id="a-detector-that-breaks"),
    ],
)
def test_a_version_that_does_not_work_answers_nothing_and_says_why(served, broken):
    rooms, client = served(broken)

    answer = predict(client, ls_task(1), ls_task(2))

    assert [(one["model_version"], one["result"]) for one in answer["results"]] == [(VERSION, [])] * 2
    assert set(answer["errors"]) == {"1", "2"}
    assert "nothing is predicted: " in answer["errors"]["1"]
    assert (set_up(client).status_code, set_up(client).json["model_version"]) == (200, VERSION)
    assert rooms.serving.predictions.newest(1, [1, 2]) == {}


def test_a_champion_whose_file_is_damaged_answers_nothing_and_names_the_file(served):
    rooms, client = served(FakeDetector(CAR))
    weights = rooms.registry.versions.champion(1).weights
    weights.write_bytes(b"damaged")

    answer = predict(client, ls_task())

    assert str(weights) in answer["errors"]["1"]
    assert answer["results"][0]["result"] == []


@pytest.mark.parametrize(
    "first", [WeightsRefused(VERSION, "damaged", "copy it again"), Failing(DetectorBroken(BROKEN))]
)
def test_a_version_that_works_again_predicts_again(served, first):
    _, client = served(first, FakeDetector(CAR))
    assert predict(client, ls_task())["results"][0]["result"] == []

    deadline = time.monotonic() + 10
    while "errors" in (answer := predict(client, ls_task())):
        assert time.monotonic() < deadline
        time.sleep(0.1)

    assert len(answer["results"][0]["result"]) == 1


def test_an_image_that_the_detector_fails_on_costs_only_itself(served):
    _, client = served(Failing(DetectionFailed("the detector failed on it"), passes=[2]))

    answer = predict(client, ls_task(1), ls_task(2), ls_task(3))

    assert [len(one["result"]) for one in answer["results"]] == [1, 0, 1]
    assert answer["errors"] == {"2": "the detector failed on it"}


@pytest.mark.parametrize(
    "broken", [WeightsRefused(VERSION, "damaged", "copy it again"), Failing(DetectorBroken(BROKEN))]
)
def test_a_version_that_does_not_work_stores_nothing_and_is_tried_again(ready, broken):
    with pytest.raises((WeightsRefused, DetectorBroken)):
        refresh(swap(ready, (ready.registry.detectors, Given(broken))).serving, 1)

    assert (ready.studio.client.stored, ready.serving.predictions.newest(1, [1, 2, 3])) == ([], {})
    assert is_due(ready.serving, ready.studio.projects.get(1))
    refresh(swap(ready, (ready.registry.detectors, Given(FakeDetector(CAR)))).serving, 1)
    assert [row["task"] for row in ready.studio.client.stored] == [1, 2, 3]


def test_an_image_that_the_detector_fails_on_is_named_by_the_job_and_the_others_are_stored(ready):
    failing = Failing(DetectionFailed("the detector failed on it"), passes=[2])

    line = refresh(swap(ready, (ready.registry.detectors, Given(failing))).serving, 1)

    assert [row["task"] for row in ready.studio.client.stored] == [1, 3]
    assert "task 2: the detector failed on it" in line


def test_an_empty_prediction_that_label_studio_kept_of_a_broken_version_is_made_good(ready):
    studio = ready.studio.client
    studio.tasks[0]["predictions"] = [{"id": 7, "model_version": VERSION, "result": []}]

    refresh(swap(ready, (ready.registry.detectors, Given(FakeDetector(CAR)))).serving, 1)

    assert sorted(row["task"] for row in studio.stored) == [1, 2, 3]
    assert [len(one["result"]) for one in studio.tasks[0]["predictions"]] == [1]


def test_an_empty_prediction_stays_where_there_is_no_better_one(ready):
    studio = ready.studio.client
    studio.tasks[0]["predictions"] = [{"id": 7, "model_version": VERSION, "result": []}]

    refresh(
        swap(
            ready, (ready.vision.images, FakeImages(broken=[1])), (ready.registry.detectors, Given(FakeDetector(CAR)))
        ).serving,
        1,
    )

    assert [one["id"] for one in studio.tasks[0]["predictions"]] == [7]


def test_an_empty_prediction_that_was_meant_stays(ready):
    refresh(swap(ready, (ready.registry.detectors, Given(FakeDetector()))).serving, 1)

    refresh(swap(ready, (ready.registry.detectors, Given(FakeDetector()))).serving, 1)

    assert len(ready.studio.client.stored) == 3


def test_the_doctor_says_why_nothing_is_predicted(ready):
    broken = swap(ready, (ready.registry.detectors, Given(WeightsRefused("a file", "damaged", "copy it again"))))

    (finding,) = detector(broken.installation, broken.studio.projects.get(1))

    assert (finding.level, finding.found) == (Level.WRONG, f"nothing is predicted: {VERSION} is damaged: copy it again")


def test_the_doctor_says_that_no_class_fits_a_label(ready, tmp_path):
    from loop.registry.store import VersionFacts

    version = ready.registry.versions.add(1, tmp_path / "some.pt", VersionFacts(classes=("cat", "dog")))
    ready.registry.versions.promote(1, version.name, "a test")

    (finding,) = labels(ready.installation, ready.studio.projects.get(1))

    assert "no class of yolo_detector@1.1.0 (cat, dog) is a label of the project (Car, Person)" in finding.found
    assert "predicted_values" in finding.advice
