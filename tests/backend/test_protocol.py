"""The backend's routes, over real records and a fake detector."""

import time

import pytest

from backend.app import create_app
from loop.errors import Overloaded
from loop.regions import Box
from loop.serving.predictor import Predictor
from loop.settings import Settings
from tests.backend.builders import AUTH, LOGIN
from tests.builders import CONFIG, ls_task
from tests.fakes import FakeDetectors, FakeImages, FakeQueue
from tests.swap import swap

CAR, DOG = (Box(0, 0, 0.5, 0.5), "car", 0.9), (Box(0.5, 0, 1, 1), "dog", 0.9)


@pytest.fixture
def app(tmp_path):
    settings = Settings.read({"LOOP_HOME": str(tmp_path / "home"), **LOGIN})
    app = create_app(settings)
    rooms = swap(
        app.extensions["rooms"],
        (app.extensions["rooms"].queue, FakeQueue()),
        (app.extensions["rooms"].vision.images, FakeImages(broken=[13])),
        (app.extensions["rooms"].registry.detectors, FakeDetectors(CAR, DOG)),
    )
    rooms.studio.projects.save(1, "Cars", CONFIG)
    (tmp_path / "some.pt").write_bytes(b"weights")
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, tmp_path / "some.pt").name, "first")
    built = app.extensions["rooms"]
    app.extensions.update(rooms=rooms, predictor=Predictor(rooms.serving))
    yield app
    built.close()


def predict(client, tasks, project="1.1795399212", config=CONFIG):
    params = {"login": None, "password": None, "context": None}
    body = {"tasks": tasks, "project": project, "label_config": config, "params": params}
    return client.post("/predict", json=body, headers=AUTH)


def test_health_answers_without_auth(client):
    assert client.get("/health").json["status"] == "UP"


@pytest.mark.parametrize("path", ["/setup", "/predict", "/webhook", "/versions", "/metrics"])
def test_everything_else_asks_for_basic_auth(client, path):
    method = client.get if path in ("/versions", "/metrics") else client.post

    answer = method(path)

    assert answer.status_code == 401
    assert "Basic" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("header", ["Basic !!", "Basic dXNlcg==", "Bearer x", "Basic dXNlcjp3cm9uZw=="])
def test_wrong_basic_auth_is_refused(client, header):
    assert client.get("/metrics", headers={"Authorization": header}).status_code == 401


def test_setup_and_predict_answer_the_same_version(client):
    body = {"project": "1.1795399212", "schema": CONFIG, "hostname": "", "access_token": "", "extra_params": {}}

    version = client.post("/setup", json=body, headers=AUTH).json["model_version"]

    assert version == "yolo_detector@1.0.0"
    assert {one["model_version"] for one in predict(client, [ls_task()]).json["results"]} == {version}


def test_every_task_gets_a_result_in_its_place(client):
    tasks = [ls_task(1), {"id": 2, "data": {}}, ls_task(13), ls_task(4)]

    answer = predict(client, tasks)

    assert answer.status_code == 200
    assert [len(one["result"]) for one in answer.json["results"]] == [1, 0, 0, 1]
    assert all(0 <= one["score"] <= 1 for one in answer.json["results"])
    assert sorted(answer.json["errors"]) == ["13", "2"]


def test_only_labels_of_the_config_are_answered(client):
    result = predict(client, [ls_task()]).json["results"][0]["result"]

    assert [one["value"]["rectanglelabels"] for one in result] == [["Car"]]
    assert (result[0]["from_name"], result[0]["to_name"], result[0]["type"]) == ("label", "image", "rectanglelabels")


def test_a_detector_that_is_older_than_the_name_of_a_class_goes_on_serving(client, rooms):
    renamed = CONFIG.replace('"Car"', '"Auto"')
    assert predict(client, [ls_task()], config=renamed).json["results"][0]["result"] == []

    rooms.studio.projects.save(1, "Cars", CONFIG)
    rooms.studio.classes.rename(1, "Car", "Auto")

    result = predict(client, [ls_task()], config=renamed).json["results"][0]["result"]
    assert [one["value"]["rectanglelabels"] for one in result] == [["Auto"]]


def test_what_is_answered_is_logged_but_broken_images_are_not(client, rooms):
    predict(client, [ls_task(1), ls_task(13)])

    assert len(rooms.serving.predictions.of_task(1, 1)) == 1
    assert rooms.serving.predictions.of_task(1, 13) == []


def test_no_tasks_give_no_results(client):
    assert predict(client, []).json == {"results": []}


def test_a_project_without_a_version_gets_empty_results_of_a_named_version(client):
    answer = predict(client, [ls_task()], project="77.1")

    assert answer.json["results"][0]["model_version"] == "yolo_detector@0.0.0"
    assert answer.json["results"][0]["result"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param([], "body", id="a-list"),
        pytest.param({"project": "1", "label_config": CONFIG}, "tasks", id="no-tasks"),
        pytest.param({"project": "1", "label_config": CONFIG, "tasks": {"id": 1}}, "tasks", id="one-task"),
        pytest.param({"project": "1", "label_config": CONFIG, "tasks": "1"}, "tasks", id="text"),
        pytest.param({"label_config": CONFIG, "tasks": []}, "project", id="no-project"),
        pytest.param({"project": "1", "tasks": []}, "label_config", id="no-config"),
        pytest.param({"project": "1", "tasks": [], "label_config": "<View"}, "label_config", id="no-xml"),
        pytest.param({"project": "1", "tasks": [], "label_config": "<View/>"}, "label_config", id="no-rectangles"),
    ],
)
def test_an_unreadable_request_is_told_which_field(client, body, field):
    answer = client.post("/predict", json=body, headers=AUTH)

    assert answer.status_code == 400
    assert answer.json["field"] == field


def test_a_body_that_is_no_json_is_refused(client):
    answer = client.post("/predict", data="{", headers=AUTH, content_type="application/json")

    assert (answer.status_code, answer.json["field"]) == (400, "body")


def test_an_unknown_path_is_not_found(client):
    assert client.get("/nothing", headers=AUTH).status_code == 404


def test_versions_are_listed_newest_first(client, rooms, tmp_path):
    rooms.registry.versions.add(1, tmp_path / "some.pt")

    assert client.get("/versions?project=1", headers=AUTH).json["versions"] == [
        "yolo_detector@1.1.0",
        "yolo_detector@1.0.0",
    ]


def test_metrics_count_predictions(client):
    predict(client, [ls_task(1), ls_task(13)])

    text = client.get("/metrics", headers=AUTH).text
    assert 'loop_predictions_total{project="1"}' in text
    assert 'loop_images_broken_total{project="1"}' in text


def test_a_new_champion_is_swapped_in_and_back_while_requests_run(app, client, rooms, tmp_path):
    predictor = app.extensions["predictor"]
    assert predictor.version(1) == "yolo_detector@1.0.0"
    predict(client, [ls_task()])
    new = rooms.registry.versions.add(1, tmp_path / "some.pt")
    before = predict(client, [ls_task()]).json["results"][0]["result"]

    rooms.registry.versions.promote(1, new.name, "better")
    seen = versions_until(client, new.name)
    rooms.registry.versions.roll_back(1, "worse")
    versions_until(client, "yolo_detector@1.0.0")

    assert set(seen) <= {"yolo_detector@1.0.0", new.name}
    assert predict(client, [ls_task()]).json["results"][0]["result"] == before


def test_a_request_is_one_execution(client, rooms):
    predict(client, [ls_task(1), ls_task(2)])
    predict(client, [ls_task(3)])

    predictions = rooms.serving.predictions.newest(1, [1, 2, 3])
    assert predictions[1].execution == predictions[2].execution != predictions[3].execution
    assert len(predictions[1].execution) == 36


def test_a_champion_whose_file_is_damaged_is_named_and_the_old_one_goes_on(client, rooms, tmp_path, caplog):
    (tmp_path / "other.pt").write_bytes(b"other")
    new = rooms.registry.versions.add(1, tmp_path / "other.pt")
    new.weights.write_bytes(b"damaged")
    predict(client, [ls_task()])
    rooms.registry.versions.promote(1, new.name, "past the use case, which would refuse it")

    until_logged(client, caplog, f"{new.weights} is damaged")

    assert predict(client, [ls_task()]).json["results"][0]["model_version"] == "yolo_detector@1.0.0"
    warnings = [record for record in caplog.records if "is damaged" in record.getMessage()]
    time.sleep(1.2)
    predict(client, [ls_task()])
    assert len([record for record in caplog.records if "is damaged" in record.getMessage()]) == len(warnings) == 1


def test_metrics_have_no_label_for_an_invented_project(client):
    for project in range(5000, 5010):
        predict(client, [ls_task(1)], project=f"{project}.1")

    metrics = client.get("/metrics", headers=AUTH).text

    assert 'project="unconnected"' in metrics
    assert 'project="500' not in metrics


def test_a_request_without_memory_is_told_to_come_back(client, app, rooms):
    class Full(FakeImages):
        def map(self, work, tasks, *, at_once=1):
            raise Overloaded("memory: no room")

    full = swap(rooms, (rooms.vision.images, Full()))
    app.extensions["predictor"] = Predictor(full.serving)

    answer = predict(client, [ls_task(1)])

    assert (answer.status_code, answer.json["type"]) == (503, "Overloaded")
    assert int(answer.headers["Retry-After"]) > 0


def until_logged(client, caplog, words, seconds=10):
    deadline = time.monotonic() + seconds
    while not any(words in record.getMessage() for record in caplog.records):
        assert time.monotonic() < deadline, f"{words} was never logged"
        assert predict(client, [ls_task()]).status_code == 200
        time.sleep(0.05)


def versions_until(client, wanted, seconds=10):
    seen, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = predict(client, [ls_task()])
        assert answer.status_code == 200
        seen.append(answer.json["results"][0]["model_version"])
        if seen[-1] == wanted:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"{wanted} never answered, only {set(seen)}")
