"""Reviews in bulk on a real Label Studio: they come back by webhook, and none is made twice however we die."""

import json
from collections import Counter

import httpx
import pytest
from standardwebhooks import Webhook

from loop.delivery import standard_key
from loop.rates.accept import run
from loop.reviews.accepted.store import AcceptedTask
from tests.reviews.bulk.integration.builders import NEW, annotations, verdicts
from tests.services import run_loop, until

pytestmark = pytest.mark.timeout(300)


def bulk(settings, project_id, *operations, key=None):
    return httpx.post(
        f"{settings.backend_url}/loop/api/v1/annotations/bulk",
        json={"project": project_id, "operations": operations},
        auth=(settings.basic_auth_user, settings.basic_auth_pass),
        headers={"Idempotency-Key": key} if key else {},
        timeout=100,
    )


def predicted_region(rooms, project_id, tasks):
    """A task with a predicted region, and the region."""
    newest = rooms.serving.predictions.newest(project_id, tasks)
    return next((task, one.regions[0]) for task, one in newest.items() if one.regions)


def plain(region, **changed):
    box = region.box
    return {"id": region.id, "label": region.label, "box": [box.x0, box.y0, box.x1, box.y1], **changed}


def create_empty(settings, project_id, tasks):
    """Review tasks in bulk as showing nothing; return the ids of the annotations."""
    answer = bulk(settings, project_id, *({"operation": "create", "task": task, "regions": []} for task in tasks))
    return [one["id"] for one in answer.json()["results"]]


def assert_second_look(recorded, shown):
    """Every verdict is of the operation that confirmed one box, drew another and deleted the rest."""
    decisions = Counter(one.decision.value for one in recorded)
    assert decisions == Counter(confirmed=1, missed=1, false_positive=shown - 1) + Counter()
    assert {(one.source, one.confidence, one.reasoning, one.lead_time) for one in recorded} == {
        ("bulk", 0.9, "plain to see", 1.5)
    }
    assert all(one.execution for one in recorded)


def empty_by_hand(api, task):
    """Take all regions from the review of a task, as an annotator may."""
    (stored,) = annotations(api, task)
    api.patch(f"/api/annotations/{stored['id']}/", json={"result": [], "lead_time": 3}).raise_for_status()


def assert_signed(notice):
    headers, body = notice
    assert Webhook(standard_key("s3cret")).verify(body, dict(headers), json_parse=False) is None


def test_bulk_reviews_flow_as_an_annotators_do_and_say_whose_they_are(api, own, project, notice_server):
    settings, rooms = own
    project_id, tasks, annotator = project
    reviewed = annotator.review_next()
    bulk_tasks = [task for task in tasks if task != reviewed]
    made, gone = create_empty(settings, project_id, bulk_tasks[:2])
    task, region = predicted_region(rooms, project_id, bulk_tasks[2:])
    why = {"actor": "second-look", "confidence": 0.9, "reasoning": "plain to see", "lead_time": 1.5}

    answer = bulk(
        settings,
        project_id,
        {"operation": "create", "task": task, "regions": [plain(region), NEW], **why},
        {"operation": "update", "annotation": made, "regions": [NEW], **why},
        {"operation": "delete", "annotation": gone},
        {"operation": "create", "task": task, "regions": [{**NEW, "label": "thing"}]},
        {"operation": "create", "task": 10**6, "regions": []},
    )

    assert answer.status_code == 207
    assert [one["success"] for one in answer.json()["results"]] == [True, True, True, False, False]
    assert answer.json()["results"][3]["error"].startswith("operations[3].regions[0].label: expected one of item")
    until(lambda: set(rooms.reviews.store.find_counted(project_id)) == {reviewed, bulk_tasks[0], task}, 30)
    recorded = until(lambda: verdicts(rooms, project_id, actor="second-look", task=task), 30)
    shown = len(rooms.serving.predictions.newest(project_id, [task])[task].regions)
    assert_second_look(recorded, shown)
    assert {one.source for one in verdicts(rooms, project_id, task=reviewed)} == {"editor"}

    run_loop(settings, "rebuild", "--project", str(project_id))
    assert verdicts(rooms, project_id, actor="second-look", task=task) == recorded  # the sweep reads the same times

    empty_by_hand(api, task)
    until(lambda: {one.source for one in verdicts(rooms, project_id, task=task)} == {"editor"}, 30)
    lines = run_loop(settings, "verdicts", "--project", str(project_id), "--task", str(task)).splitlines()
    assert [json.loads(line)["decision"] for line in lines] == ["false_positive"] * shown

    until(lambda: task in {json.loads(body)["data"].get("task") for _, body in notice_server.got}, 60)
    assert_signed(next(one for one in notice_server.got if json.loads(one[1])["kind"] == "review.recorded"))
    assert "review.recorded" in run_loop(settings, "deliveries")


def test_the_same_request_again_makes_nothing_again(api, own, project):
    settings, _ = own
    project_id, tasks, _ = project
    operations = [{"operation": "create", "task": task, "regions": [NEW]} for task in tasks[:4]]
    first = bulk(settings, project_id, *operations, key="night-1")

    again = bulk(settings, project_id, *operations, key="night-1")

    assert (first.status_code, again.status_code) == (200, 200)
    assert [one["id"] for one in again.json()["results"]] == [one["id"] for one in first.json()["results"]]
    assert [len(annotations(api, task)) for task in tasks[:4]] == [1] * 4
    assert bulk(settings, project_id, *operations[1:], key="night-1").json()["failed"] == 3  # the positions moved


@pytest.mark.long
def test_a_deletion_and_an_update_again_are_no_second_ones(api, own, project):
    settings, _ = own
    project_id, tasks, _ = project
    made = bulk(settings, project_id, *({"operation": "create", "task": task, "regions": []} for task in tasks[:2]))
    first, second = (one["id"] for one in made.json()["results"])
    operations = [
        {"operation": "update", "annotation": first, "regions": [NEW], "key": f"u-{first}-{project_id}"},
        {"operation": "delete", "annotation": second, "key": f"d-{second}-{project_id}"},
    ]
    bulk(settings, project_id, *operations)
    (before,) = annotations(api, tasks[0])

    again = bulk(settings, project_id, *operations).json()

    assert [one["is_repeated"] for one in again["results"]] == [True, True]
    assert annotations(api, tasks[0])[0]["updated_at"] == before["updated_at"]
    assert annotations(api, tasks[1]) == []


def record_accepted(rooms, project_id, tasks):
    """Record tasks as a dry run that accepts them would."""
    newest = rooms.serving.predictions.newest(project_id, tasks)
    rows = [AcceptedTask(task, "token", one.version, one.id, 0.5, 9) for task, one in newest.items() if one.regions]
    rooms.reviews.accepted.begin(project_id, rows, {})
    return rows


def test_accepted_predictions_come_back_as_no_reviews_and_are_taken_back(api, own, project):
    settings, rooms = own
    project_id, tasks, _ = project
    rows = record_accepted(rooms, project_id, tasks)

    made = list(run.accept(rooms.rates, project_id, rows))

    until(lambda: rooms.reviews.store.standing(project_id, "annotation").keys() >= set(made), 60)
    assert None not in made
    changed, starred, *others = (row.task_id for row in rows)
    (stored,) = annotations(api, changed)
    users = {user["id"]: user["email"] for user in api.get("/api/users/").json()}
    assert users[stored["completed_by"]] == run.EMAIL
    run_loop(settings, "rebuild", "--project", str(project_id))
    assert not rooms.reviews.store.find_counted(project_id)
    assert not verdicts(rooms, project_id)

    empty_by_hand(api, changed)
    (other,) = annotations(api, starred)
    api.patch(f"/api/annotations/{other['id']}/", json={"ground_truth": True}).raise_for_status()
    until(lambda: rooms.reviews.store.find_counted(project_id).keys() == {changed, starred}, 60)
    undone = run_loop(settings, "accept", "--project", str(project_id), "--undo")

    assert f"{len(others)} accepted annotations removed; 2 stay" in undone
    assert not any(annotations(api, task) for task in others)
    assert annotations(api, changed)
    assert annotations(api, starred)
