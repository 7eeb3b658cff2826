"""The loop's own HTTP API, over real records and a model of Label Studio."""

import threading

import pytest

from tests.backend.builders import AUTH, BULK, CAR, VERDICTS, bulk, create, verdicts
from tests.reviews.bulk.fakes import BulkStudio
from tests.swap import swap


def test_all_that_succeeds_is_answered_200(client):
    answer = bulk(client, create(1, key="a"), create(2, key="b"))

    assert answer.status_code == 200
    assert answer.json == {
        "total": 2,
        "succeeded": 2,
        "failed": 0,
        "results": [
            {"operation": "create", "success": True, "id": 1, "error": None, "key": "a", "is_repeated": False},
            {"operation": "create", "success": True, "id": 2, "error": None, "key": "b", "is_repeated": False},
        ],
    }


def test_mixed_results_are_answered_207_in_order(client):
    bus = {**CAR, "label": "Bus"}

    answer = bulk(client, create(1), create(2, regions=[CAR, bus]), 5, create(3))

    assert answer.status_code == 207
    assert (answer.json["total"], answer.json["succeeded"], answer.json["failed"]) == (4, 2, 2)
    assert [one["success"] for one in answer.json["results"]] == [True, False, False, True]
    assert answer.json["results"][1]["error"] == (
        "operations[1].regions[1].label: expected one of Car, Person, found Bus"
    )
    assert answer.json["results"][2] == {
        "operation": None,
        "success": False,
        "id": None,
        "error": "operations[2]: expected an operation, a JSON object, found 5",
        "key": None,
        "is_repeated": False,
    }


def test_the_requests_key_makes_sending_all_of_it_again_safe(client, rooms):
    header = {"Idempotency-Key": "night-7"}
    first = bulk(client, create(1), create(1), headers=header)

    again = bulk(client, create(1), create(1), headers=header)

    assert [one["key"] for one in first.json["results"]] == ["night-7:0", "night-7:1"]
    assert [one["id"] for one in again.json["results"]] == [one["id"] for one in first.json["results"]]
    assert len(rooms.studio.client.annotations(1)) == 2


def test_failures_are_sent_again_with_the_keys_of_their_results(client, rooms):
    rooms.studio.client.faults = ["down after"]
    first = bulk(client, create(1), create(2))
    assert first.json["failed"] == 2

    again = bulk(client, *(create(at, key=one["key"]) for at, one in enumerate(first.json["results"], start=1)))

    assert again.status_code == 200
    assert [len(rooms.studio.client.annotations(task)) for task in (1, 2)] == [1, 1]


def test_without_any_key_the_same_request_is_done_again(client, rooms):
    for _ in range(2):
        bulk(client, create(1))

    assert len(rooms.studio.client.annotations(1)) == 2


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        pytest.param([], "body", "a JSON object, found []", id="a-list"),
        pytest.param({"operations": []}, "project", "a value, found None", id="no-project"),
        pytest.param({"project": "1", "operations": []}, "project", "a valid integer, found '1'", id="project-as-text"),
        pytest.param(
            {"project": True, "operations": []}, "project", "a valid integer, found True", id="project-as-bool"
        ),
        pytest.param({"project": 0, "operations": []}, "project", "greater than or equal to 1", id="project-zero"),
        pytest.param({"project": 1}, "operations", "a value, found None", id="no-operations"),
        pytest.param({"project": 1, "operations": {}}, "operations", "a valid list, found {}", id="no-list"),
        pytest.param({"project": 1, "operations": [{}] * 1001}, "operations", "at most 1000 of them", id="too-many"),
        pytest.param({"project": 1, "operations": [], "dry": 1}, "dry", "no such field, found 1", id="unknown-field"),
    ],
)
def test_a_request_that_cannot_be_read_is_told_which_field(client, body, field, words):
    answer = client.post(BULK, json=body, headers=AUTH)

    assert (answer.status_code, answer.json["field"], answer.json["type"]) == (400, field, "PayloadError")
    assert answer.json["error"].startswith(f"{field}: expected {words}")


def test_a_body_that_is_nested_too_deeply_is_told_so(client):
    answer = client.post(BULK, data="[" * 100_000, content_type="application/json", headers=AUTH)

    assert (answer.status_code, answer.json["field"]) == (400, "body")


@pytest.mark.parametrize("key", ["", " ", "x" * 101])
def test_a_requests_key_must_be_one(client, key):
    answer = bulk(client, create(), headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.json["field"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_only_json_is_taken(client, kind):
    answer = client.post(BULK, data='{"project": 1, "operations": []}', content_type=kind, headers=AUTH)

    assert (answer.status_code, answer.json["type"]) == (415, "UnsupportedMediaType")


def test_a_body_that_is_too_large_is_refused(client):
    answer = client.post(BULK, data=b" " * (32 * 1024 * 1024 + 1), content_type="application/json", headers=AUTH)

    assert (answer.status_code, answer.json["type"]) == (413, "RequestEntityTooLarge")


@pytest.mark.parametrize("path", [BULK, VERDICTS, "/loop/api/v1/", "/loop/api/v1/openapi.json"])
def test_every_route_asks_for_basic_auth(client, path):
    answer = client.post(path, json={}) if path == BULK else client.get(path)

    assert answer.status_code == 401


def test_an_unknown_project_is_not_found(client):
    for answer in (bulk(client, create(), project=77), verdicts(client, "project=77")):
        assert (answer.status_code, answer.json["type"]) == (404, "UnknownProject")


def test_no_more_than_two_bulk_requests_are_worked_on_at_once(app, rooms):
    entered, go_on = threading.Barrier(3), threading.Event()

    class Waiting(BulkStudio):
        def named_tasks(self, project_id, task_ids):
            entered.wait(10)
            go_on.wait(10)
            return super().named_tasks(project_id, task_ids)

    app.extensions["rooms"] = swap(rooms, (rooms.studio.client, Waiting(4)))
    statuses = []
    threads = [
        threading.Thread(target=lambda: statuses.append(bulk(app.test_client(), create()).status_code))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    entered.wait(10)

    third = bulk(app.test_client(), create())

    go_on.set()
    for thread in threads:
        thread.join()
    assert (third.status_code, third.json["type"]) == (429, "Busy")
    assert third.headers["Retry-After"]
    assert statuses == [200, 200]


def test_verdicts_come_in_pages(judged):
    verdicts_seen, cursor = [], ""
    while cursor is not None:
        page = verdicts(judged, f"project=1&limit=4{f'&cursor={cursor}' if cursor else ''}").json
        assert len(page["verdicts"]) <= 4
        verdicts_seen += page["verdicts"]
        cursor = page["next"]

    assert [(one["task"], one["decision"]) for one in verdicts_seen] == [
        (task, decision) for task in (1, 2, 3) for decision in ("confirmed", "false_positive")
    ]
    assert {one["source"] for one in verdicts_seen} == {"bulk"}


def test_verdicts_are_filtered_by_what_is_asked(judged):
    page = verdicts(judged, "project=1&actor=bot-2&decision=confirmed&stream=queue&until=2099-01-01").json

    assert [one["task"] for one in page["verdicts"]] == [2]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "project"),
        ("project=x", "project"),
        ("project=1&decision=maybe", "decision"),
        ("project=1&since=yesterday", "since"),
        ("project=1&limit=0", "limit"),
        ("project=1&limit=1001", "limit"),
        ("project=1&cursor=abc", "cursor"),
        ("project=1&labl=Car", "labl"),
    ],
)
def test_a_query_that_cannot_be_read_is_told_which_field(client, query, field):
    answer = verdicts(client, query)

    assert (answer.status_code, answer.json["field"]) == (400, field)


def test_a_method_that_there_is_not_says_which_there_is(client):
    answer = client.get(BULK, headers=AUTH)

    assert (answer.status_code, answer.json["type"]) == (405, "MethodNotAllowed")
    assert "POST" in answer.headers["Allow"]
