"""A request is answered within the time that Label Studio waits; a job predicts what it had no time for."""

import pytest
from prometheus_client import REGISTRY

from loop.regions import Box
from loop.serving.predictor import Predictor
from tests.backend.builders import AUTH
from tests.builders import CONFIG, ls_task
from tests.fakes import FakeDetectors
from tests.swap import swap


@pytest.fixture
def predictor_with(app, rooms, tmp_path):
    """Have the app predict by a champion, within a number of seconds."""
    (tmp_path / "some.pt").write_bytes(b"weights")
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, tmp_path / "some.pt").name, "first")
    ready = swap(rooms, (rooms.registry.detectors, FakeDetectors((Box(0, 0, 0.5, 0.5), "car", 0.9))))

    def use(seconds):
        app.extensions.update(rooms=ready, predictor=Predictor(ready.serving, answer_seconds=seconds))

    return use


def predict(client, *tasks):
    body = {"tasks": tasks, "project": "1.1", "label_config": CONFIG}
    return client.post("/predict", json=body, headers=AUTH).json


def count_tasks():
    names = ("loop_predictions_total", "loop_images_broken_total")
    return [REGISTRY.get_sample_value(name, {"project": "1"}) or 0.0 for name in names]


def test_a_task_without_time_has_nothing_to_store_and_a_job_predicts_it(client, rooms, predictor_with):
    predictor_with(0.0)

    answer = predict(client, ls_task(1), ls_task(2))

    project = rooms.studio.projects.get(1)
    assert answer["results"] == [[], []]
    assert set(answer["errors"]) == {"1", "2"}
    assert (project.refresh_asked, project.refresh_done) == (1, 0)
    assert rooms.serving.predictions.newest(1, [1, 2]) == {}


def test_a_task_without_time_counts_neither_as_predicted_nor_as_broken(client, predictor_with):
    predictor_with(0.0)
    before = count_tasks()

    predict(client, ls_task(1), ls_task(2))

    assert count_tasks() == before


def test_a_request_in_time_asks_for_no_job(client, rooms, predictor_with):
    predictor_with(50.0)

    answer = predict(client, ls_task(1), ls_task(2))

    assert [len(result["result"]) for result in answer["results"]] == [1, 1]
    assert "errors" not in answer
    assert rooms.studio.projects.get(1).refresh_asked == 0
