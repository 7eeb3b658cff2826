"""What the routes are sent, of whatever form: a task costs only itself, a request is told which field is wrong."""

import json
import logging
import shutil

import pytest

from backend.app import create_app
from loop.label_studio.webhook import PROJECT_HEADER, SECRET_HEADER, keep_used
from loop.regions import Box
from loop.serving.predictor import Predictor
from loop.settings import Settings
from loop.storage.storable import LARGEST_ID
from tests.backend.builders import LOGIN, client_of
from tests.builders import CONFIG, created, ls_annotation, ls_region, ls_task
from tests.fakes import FakeDetector, FakeDetectors, FakeImages, FakeLabelStudio, FakeQueue
from tests.swap import swap

CAR = (Box(0, 0, 0.5, 0.5), "car", 0.9)


@pytest.fixture
def app(tmp_path, empty_records):
    (tmp_path / "home").mkdir()
    shutil.copy(empty_records, tmp_path / "home")
    app = create_app(Settings.read({"LOOP_HOME": str(tmp_path / "home"), "LABEL_STUDIO_API_KEY": "k", **LOGIN}))
    built = app.extensions["rooms"]
    rooms = swap(
        built,
        (built.queue, FakeQueue()),
        (built.vision.images, FakeImages()),
        (built.registry.detectors, FakeDetectors(CAR)),
        (built.studio.client, FakeLabelStudio([ls_task(1)])),
    )
    rooms.studio.projects.save(1, "Cars", CONFIG)
    (tmp_path / "some.pt").write_bytes(b"weights")
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, tmp_path / "some.pt").name, "first")
    app.extensions.update(rooms=rooms, predictor=Predictor(rooms.serving))
    yield app
    built.close()


@pytest.fixture
def client(app):
    return client_of(app)


def predict(client, tasks):
    return client.post("/predict", json={"tasks": tasks, "project": "1.1", "label_config": CONFIG})


TASKS = [
    pytest.param(ls_task(2**63), id="id-too-large"),
    pytest.param(ls_task(0), id="id-zero"),
    pytest.param(ls_task(-4), id="id-negative"),
    pytest.param(ls_task(True), id="id-a-bool"),
    pytest.param(ls_task("5"), id="id-text"),
    pytest.param(ls_task(5.5), id="id-a-float"),
    pytest.param(ls_task([5]), id="id-a-list"),
    pytest.param({"data": {"image": "/a.jpg"}}, id="id-missing"),
    pytest.param(None, id="null"),
    pytest.param(7, id="number"),
    pytest.param([], id="list"),
    pytest.param({"id": 5, "data": None}, id="no-data"),
    pytest.param({"id": 5, "data": {"image": {"url": "/a.jpg"}}}, id="image-an-object"),
    pytest.param({"id": 5, "data": {"image": "\ud800"}}, id="image-a-surrogate"),
    pytest.param({"id": 5, "data": {"image": "/a\0.jpg"}}, id="image-with-nul"),
    pytest.param({"id": 5, "data": ["/a.jpg"]}, id="data-a-list"),
]


@pytest.mark.parametrize("bad", TASKS)
def test_a_task_of_unforeseen_form_gets_an_empty_prediction_and_costs_only_itself(client, rooms, bad):
    alone = predict(client, [ls_task(1), ls_task(LARGEST_ID)]).json["results"]

    answer = predict(client, [ls_task(1), bad, ls_task(LARGEST_ID)])

    assert answer.status_code == 200
    first, empty, last = answer.json["results"]
    assert [first, last] == alone
    assert (empty["result"], empty["model_version"]) == ([], "yolo_detector@1.0.0")
    assert 0 <= empty["score"] <= 1
    assert list(answer.json["errors"]) in (["5"], ["tasks[1]"])
    assert set(rooms.serving.predictions.newest(1, [1, 5, LARGEST_ID])) == {1, LARGEST_ID}


def test_the_same_task_twice_gets_two_results(client):
    first, second = predict(client, [ls_task(1), ls_task(1)]).json["results"]

    assert first == second


def test_a_task_that_the_detector_fails_on_costs_only_itself(client, app, rooms):
    class Picky(FakeDetector):
        def detect(self, images, floor):
            if any(image.shape[0] == 7 for image in images):
                raise ValueError("a shape that nobody thought of")
            return super().detect(images, floor)

    class Odd(FakeImages):
        def load(self, tasks):
            for task, image in zip(tasks, super().load(tasks), strict=True):
                yield image[:7] if task.id == 2 else image

    class Picking(FakeDetectors):
        def load(self, weights, framing=None):
            return Picky(CAR)

    app.extensions["predictor"] = Predictor(
        swap(rooms, (rooms.vision.images, Odd()), (rooms.registry.detectors, Picking())).serving
    )

    answer = predict(client, [ls_task(1), ls_task(2), ls_task(3)])

    assert [len(one["result"]) for one in answer.json["results"]] == [1, 0, 1]
    assert answer.json["errors"] == {"2": "ValueError: a shape that nobody thought of"}


PROJECTS = [2**63, 0, -1, "²", "1" * 40, None, True, [], {}, "\ud800", "x", 1e300]


@pytest.mark.parametrize("project", PROJECTS, ids=[f"{one!a}"[:20] for one in PROJECTS])
def test_what_is_no_project_is_refused_by_every_route(client, rooms, project):
    secret = {SECRET_HEADER: rooms.studio.backend.secret_of(1)}
    answers = [
        client.post("/predict", json={"tasks": [], "project": project, "label_config": CONFIG}),
        client.post("/setup", json={"project": project, "schema": CONFIG}),
        client.post("/webhook", json={"action": "START_TRAINING", "project": project}),
        client.post("/webhook", json={"action": "START_TRAINING", "project": {"id": project}}),
        client.post("/webhook", json={"action": "TASKS_CREATED", "project": project}, headers=secret),
        client.post("/loop/api/v1/annotations/bulk", json={"project": project, "operations": []}),
    ]

    assert [(answer.status_code, answer.json["field"]) for answer in answers] == [(400, "project")] * len(answers)


@pytest.mark.parametrize(
    "query",
    [
        "versions?project=9223372036854775808",
        "versions?project=%00",
        "loop/api/v1/verdicts?project=9223372036854775808",
        "loop/api/v1/verdicts?project=1&task=9223372036854775808",
        "loop/api/v1/verdicts?project=1&annotator=9223372036854775808",
        "loop/api/v1/verdicts?project=1&label=%00",
        "loop/api/v1/verdicts?project=1&since=0001-01-01T00:00:00%2B14:00",
        "loop/api/v1/verdicts?project=1&until=9999-12-31T23:59:59-12:00",
        "loop/api/v1/verdicts?project=1&cursor=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwxLCIiLDFd",
        "loop/api/v1/verdicts?project=1&cursor=%F0%9F%92%A9",
    ],
)
def test_a_question_out_of_range_is_refused(client, query):
    assert client.get(query).status_code == 400


ACTIONS = ["", " ", "A\0B", "\ud800", "x" * 101, "é", 7, None, ["TASKS_CREATED"], {"a": 1}]


@pytest.mark.parametrize("action", ACTIONS, ids=[f"{one!a}"[:12] for one in ACTIONS])
def test_what_is_no_action_is_refused(client, rooms, action):
    headers = {PROJECT_HEADER: "1", SECRET_HEADER: rooms.studio.backend.secret_of(1)}

    answer = client.post("/webhook", json={"action": action}, headers=headers)

    assert (answer.status_code, answer.json["field"]) == (400, "action")


EVENTS = [
    pytest.param({"action": "SOMETHING_NEW", "of": "a later version"}, id="unknown-action"),
    pytest.param({"action": "ANNOTATION_CREATED"}, id="no-annotation"),
    pytest.param(created(ls_region(), annotation=2**63), id="id-too-large"),
    pytest.param(created(ls_region(), annotation=10**400), id="id-without-measure"),
    pytest.param(created(ls_region("\ud800"), unique_id="\0"), id="surrogate-and-nul"),
    pytest.param(created(ls_region(), lead_time=float("nan")), id="nan"),
    pytest.param(created(parent_prediction={"id": 1}), id="parent-an-object"),
    pytest.param({"action": "ANNOTATION_CREATED", "annotation": ["x" * 3_000_000]}, id="long-text"),
]


@pytest.mark.parametrize("event", EVENTS)
def test_what_is_used_of_an_event_of_unforeseen_form_is_kept_as_it_came(client, rooms, event):
    headers = {PROJECT_HEADER: "1", SECRET_HEADER: rooms.studio.backend.secret_of(1)}

    answer = client.post("/webhook", json=event, headers=headers)

    assert answer.status_code == 202
    (stored,) = rooms.reviews.events.pending(1)
    used = json.dumps(keep_used(event["action"], event), sort_keys=True)
    assert json.dumps(stored.payload, sort_keys=True).replace('"nan"', "NaN") == used


@pytest.mark.parametrize("path", ["/webhook", "/predict", "/setup", "/loop/api/v1/annotations/bulk"])
@pytest.mark.parametrize("depth", [200, 400, 600, 900, 1100, 100_000])
def test_json_that_is_nested_deeply_is_answered(client, rooms, path, depth):
    headers = {PROJECT_HEADER: "1", SECRET_HEADER: rooms.studio.backend.secret_of(1)}
    nested = "[" * depth + "]" * depth
    known = {"project": 1, "label_config": CONFIG, "schema": CONFIG, "action": "ANNOTATION_CREATED"}
    sent = json.dumps(known | {"operations": [{"operation": "create"}], "tasks": [ls_task(1)], "more": 0})
    data = (
        sent.replace('"more": 0', f'"annotation": {nested}')
        if path != "/loop/api/v1/annotations/bulk"
        else (
            f'{{"project": 1, "operations": [{{"operation": "create", "task": 1, "result": [{{"value": {nested}}}]}}]}}'
        )
    )

    answer = client.post(path, data=data, headers=headers, content_type="application/json")

    assert answer.status_code in (200, 202, 207, 400)
    assert all(event.payload for event in rooms.reviews.events.pending(1))


def test_an_operation_of_unforeseen_form_costs_only_itself(client):
    operations = [
        {"operation": "create", "task": 2**63, "regions": []},
        {"operation": "\ud800", "task": 1},
        {"operation": {"a": 1}},
        {"operation": "create", "task": 1, "result": [{"id": "\ud800"}], "key": "\ud800"},
        {"operation": "create", "task": 1, "regions": [], "reasoning": "\0"},
        {"operation": "create", "task": 1, "result": [{"value": [[[["x"]]]] * 3, "type": "rectanglelabels"}]},
        None,
        [],
        {"operation": "create", "task": 7, "regions": []},
    ]

    answer = client.post("/loop/api/v1/annotations/bulk", json={"project": 1, "operations": operations})

    assert answer.status_code == 207
    assert [one["success"] for one in answer.json["results"]] == [False] * len(operations)
    assert "operations[8].task: expected a task of project 1" in answer.json["results"][-1]["error"]


def test_a_bug_is_in_the_log_with_its_trace(app, client, caplog):
    app.extensions["predictor"] = None

    with caplog.at_level(logging.ERROR):
        answer = predict(client, [])

    assert (answer.status_code, answer.json["error"]) == (500, "internal error; the log has the trace")
    assert any("AttributeError" in (record.exc_text or "") for record in caplog.records)


def test_an_event_that_is_too_large_is_refused(client, rooms, monkeypatch):
    monkeypatch.setattr("backend.webhook.LARGEST_EVENT", 1000)
    headers = {PROJECT_HEADER: "1", SECRET_HEADER: rooms.studio.backend.secret_of(1)}
    event = {"action": "ANNOTATION_CREATED", "annotation": ls_annotation(*[ls_region()] * 20)}

    assert client.post("/webhook", json=event, headers=headers).status_code == 413
