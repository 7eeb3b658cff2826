"""Under `loop up`, on a real Label Studio and Milvus Lite, detections are matched to a taxonomy by themselves."""

import os
import signal
from contextlib import closing

import pytest

from loop.wiring import build
from tests.services import children, loop_running, make_project, project_of, run_loop, settings_of, until
from tests.taxonomy.integration.builders import ask_predict

pytestmark = pytest.mark.timeout(400)
TAXONOMY = """
nodes:
  - id: thing
    title: Thing
    threshold: 0  # whatever is nearest is right
    enrichment: {origin: composed}
  - id: item
    title: Item
    parent: thing
    threshold: 0
    labels: [item]
"""
CONTROL = (
    '<Taxonomy name="category" toName="image" perRegion="true"><Choice value="Thing"><Choice value="Item"/></Choice>'
    "</Taxonomy></View>"
)


@pytest.fixture(scope="module")
def loop_settings(label_studio, tmp_path_factory, share_towers):
    more = {
        "LOOP_EMBEDDER": "efficientnet:",
        "LOOP_MATCH_SECONDS": "20",
        "LOOP_WEB_WORKERS": "1",
        "LOOP_RETRAIN_AFTER": "99",
    }
    return settings_of(label_studio, share_towers(tmp_path_factory.mktemp("matching")), **more)


@pytest.fixture(scope="module")
def loop_up(loop_settings):
    with loop_running(loop_settings) as process:
        yield process


@pytest.fixture(scope="module")
def rooms(loop_settings, loop_up):
    with closing(build(loop_settings)) as built:
        yield built


@pytest.fixture(scope="module")
def taxonomy(tmp_path_factory):
    file = tmp_path_factory.mktemp("taxonomy") / "taxonomy.yaml"
    file.write_text(TAXONOMY)
    return file


@pytest.fixture(scope="module")
def project(api, rooms, loop_settings):
    """Two of eight tasks were reviewed, and what is on them are references."""
    project_id, annotator = make_project(api, "Categories", 8, labels=("item",), seed=22)
    config = project_of(api, project_id)["label_config"].strip().removesuffix("</View>") + CONTROL
    api.patch(f"/api/projects/{project_id}/", json={"label_config": config}).raise_for_status()
    run_loop(loop_settings, "connect", "--project", str(project_id))
    until(lambda: project_of(api, project_id)["model_version"] == "yolo_detector@0.0.0", 90)
    reviewed = [annotator.review_next() for _ in range(2)]
    until(lambda: len(rooms.reviews.store.find_counted(project_id)) == 2, 30)
    run_loop(loop_settings, "references", "build", "--project", str(project_id))
    return project_id, reviewed


def predictions(api, project_id):
    """The results of what Label Studio stores, by task."""
    stored = api.get("/api/predictions/", params={"project": project_id}).raise_for_status().json()
    return {one["task"]: one["result"] for one in stored}


def annotations(api, tasks):
    all_annotations = [each for task in tasks for each in api.get(f"/api/tasks/{task}/annotations/").json()]
    return [{key: value for key, value in each.items() if key != "created_ago"} for each in all_annotations]


def views(api, project_id):
    return {one["data"]["title"] for one in api.get("/api/dm/views/", params={"project": project_id}).json()}


def categories(result):
    return {tuple(one["value"]["taxonomy"][0]) for one in result if one["type"] == "taxonomy"}


def test_matches_come_after_prediction_in_requests_and_anew_and_people_are_not_touched(
    api, rooms, loop_settings, loop_up, project, taxonomy
):
    project_id, reviewed = project
    before = annotations(api, reviewed)

    assert "is in force" in run_loop(loop_settings, "taxonomy", "apply", str(taxonomy), "--project", str(project_id))
    until(lambda: any(categories(result) for result in predictions(api, project_id).values()), 150)

    stored = predictions(api, project_id)
    shown = {path for result in stored.values() for path in categories(result)}
    assert shown == {("Thing", "Item")}
    texts = [one["meta"]["text"][0] for result in stored.values() for one in result if one.get("meta")]
    assert all(text.splitlines() == ["category: Thing/Item", "origin: composed"] for text in texts)
    assert annotations(api, reviewed) == before
    until(lambda: {"Category: Thing", "Category: Item"} <= views(api, project_id), 60)

    matched = next(task for task, result in stored.items() if categories(result))
    assert categories(ask_predict(loop_settings, api, project_id, matched)) == {("Thing", "Item")}

    region = next(one["id"] for one in stored[matched] if one.get("meta"))
    output = run_loop(loop_settings, "lineage", "--project", str(project_id), "--region", region)
    assert "matched        item" in output

    plan = run_loop(loop_settings, "taxonomy", "reapply", "--project", str(project_id), "--dry-run")
    assert " 0 matches would change" in plan


@pytest.mark.long  # half a minute; `make test-chaos` plays it too
def test_with_milvus_down_predictions_go_out_without_matches_until_it_is_back(
    api, rooms, loop_settings, loop_up, project, taxonomy
):
    project_id, _ = project
    run_loop(loop_settings, "taxonomy", "apply", str(taxonomy), "--project", str(project_id))
    new, _ = make_project(api, "Elsewhere", 6, labels=("item",), seed=23)  # tasks that nothing is known of
    tasks = [one["id"] for one in api.get("/api/tasks", params={"project": new}).json()["tasks"]]
    task = next(one for one in tasks if categories(ask_predict(loop_settings, api, project_id, one)))
    (server,) = children(loop_up, "milvus_lite", recursive=False)
    os.kill(server.pid, signal.SIGSTOP)  # alive and silent is the worst case
    try:
        result = ask_predict(loop_settings, api, project_id, task)
        assert result
        assert categories(result) == set()
    finally:
        os.kill(server.pid, signal.SIGCONT)

    os.kill(server.pid, signal.SIGKILL)
    assert categories(ask_predict(loop_settings, api, project_id, task)) == set()

    until(lambda: categories(ask_predict(loop_settings, api, project_id, task)) == {("Thing", "Item")}, 90)


def test_a_taxonomy_that_is_no_tree_is_refused_by_name(loop_settings, project, tmp_path):
    file = tmp_path / "cycle.yaml"
    file.write_text("nodes: [{id: a, parent: b}, {id: b, parent: a}]")

    message = run_loop(loop_settings, "taxonomy", "apply", str(file), "--project", str(project[0]), ok=False)

    assert "node a parent: expected no cycle" in message
