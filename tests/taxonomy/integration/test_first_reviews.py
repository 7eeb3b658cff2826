"""Under `loop up`, on a real Label Studio and Milvus Lite: labels by references after the first reviews, untrained."""

import os
import signal
from contextlib import closing

import pytest

from loop.rates.rates import REFERENCES, Grouping, rate_groups
from loop.wiring import build
from tests.services import RETRAIN_AFTER, children, loop_running, make_project, project_of, run_loop, settings_of, until
from tests.taxonomy.integration.builders import ask_predict

pytestmark = pytest.mark.timeout(400)
TAXONOMY = "nodes: [{id: thing, title: Thing, threshold: 0.3, labels: [Thing]}]"


@pytest.fixture(scope="module")
def loop_settings(label_studio, tmp_path_factory, share_towers):
    """The detector knows markers alone, and the project has another label."""
    more = {"LOOP_EMBEDDER": "", "LOOP_MATCH_SECONDS": "20", "LOOP_WEB_WORKERS": "1", "LOOP_RETRAIN_AFTER": "99"}
    home = share_towers(tmp_path_factory.mktemp("first-reviews"))
    return settings_of(label_studio, home, **more, LOOP_SCORE_THRESHOLD="0.1", LOOP_SCORE_FLOOR="0.01")


@pytest.fixture(scope="module")
def loop_up(loop_settings):
    with loop_running(loop_settings) as process:
        yield process


@pytest.fixture(scope="module")
def rooms(loop_settings, loop_up):
    with closing(build(loop_settings)) as built:
        yield built


def labelled(result):
    """The boxes whose text says that references gave their label."""
    boxes = [item for item in result if item["type"] == "rectanglelabels" and item.get("meta")]
    return [item for item in boxes if item["meta"]["text"][0].startswith("label by references")]


def read_stored(api, project_id):
    """The stored predictions of a project, by task."""
    listed = api.get("/api/predictions/", params={"project": project_id}).raise_for_status().json()
    return {each["task"]: each for each in listed}


def prepare(api, loop_settings, taxonomy, count=10):
    """A connected project whose label the detector does not know, and its annotator."""
    project_id, annotator = make_project(api, "First reviews", count, labels=("Thing",), seed=24)
    taxonomy.write_text(TAXONOMY)
    run_loop(loop_settings, "connect", "--project", str(project_id))
    run_loop(loop_settings, "taxonomy", "apply", str(taxonomy), "--project", str(project_id))
    until(lambda: project_of(api, project_id)["model_version"] == "yolo_detector@0.0.0", 90)
    return project_id, annotator


def test_after_the_first_reviews_open_tasks_and_requests_have_labels_that_no_class_is(
    api, rooms, loop_settings, loop_up, tmp_path
):
    project_id, annotator = prepare(api, loop_settings, tmp_path / "tree.yaml")
    first = [annotator.review_next() for _ in range(3)]

    def find_labelled():
        return {task: each for task, each in read_stored(api, project_id).items() if labelled(each["result"])}

    given = until(find_labelled, 150)

    assert not set(given) & set(first)  # those were reviewed before
    task, prediction = min(given.items(), key=lambda item: item[1]["score"])
    logged = rooms.serving.predictions.newest(project_id, [task])[task]
    assert {item["id"] for item in labelled(prediction["result"])} <= {box.id for box in logged.regions}
    assert prediction["score"] == pytest.approx(logged.score)
    assert {box.source.class_name for box in logged.regions} == {"item"}

    output = run_loop(loop_settings, "lineage", "--project", str(project_id), "--region", logged.regions[0].id)
    assert "by references, detected as item" in output
    assert "as its label" in output
    assert any(f"task {number} region" in output for number in first)  # the voters

    new, _ = make_project(api, "Elsewhere", 2, labels=("Thing",), seed=24)  # other tasks with images like these
    tasks = [each["id"] for each in api.get("/api/tasks", params={"project": new}).json()["tasks"]]
    answers = {each: ask_predict(loop_settings, api, project_id, each) for each in tasks}
    assert any(labelled(answer) for answer in answers.values())

    (server,) = children(loop_up, "milvus_lite", recursive=False)
    os.kill(server.pid, signal.SIGKILL)
    assert not any(labelled(ask_predict(loop_settings, api, project_id, each)) for each in tasks)

    reviewed = [annotator.review_next() for _ in range(7)]
    assert task in reviewed
    until(lambda: len(rooms.reviews.store.find_counted(project_id)) == 10, 30)
    groups = until(lambda: rate_groups(rooms.rates.store.read_verdicts(project_id), Grouping.SOURCE), 30)
    assert groups[REFERENCES].predicted > 0


@pytest.mark.long  # it waits for a training
def test_labels_by_references_end_with_a_version_that_knows_the_label(api, rooms, loop_settings, loop_up, tmp_path):
    project_id, annotator = prepare(api, loop_settings, tmp_path / "tree.yaml", RETRAIN_AFTER + 4)
    for _ in range(RETRAIN_AFTER):
        assert annotator.review_next()
    until(lambda: any(labelled(each["result"]) for each in read_stored(api, project_id).values()), 150)

    run_loop(loop_settings, "retrain", "--project", str(project_id))
    training = until(lambda: next((t for t in rooms.trainings.store.last(project_id) if t.ended_at), None), 300)
    assert training.status == "promoted", training.end

    open_tasks = {each["id"] for each in api.get("/api/tasks", params={"project": project_id}).json()["tasks"]}
    open_tasks -= set(rooms.reviews.store.find_counted(project_id))

    def find_new():
        stored = [each for task, each in read_stored(api, project_id).items() if task in open_tasks]
        return stored if {each["model_version"] for each in stored} == {training.end.version} else None

    of_version = until(find_new, 90)
    assert len(of_version) == len(open_tasks) == 4
    assert not any(labelled(each["result"]) for each in of_version)
    assert any(each["result"] for each in of_version)  # it detects the label by itself
    assert not any(labelled(ask_predict(loop_settings, api, project_id, task)) for task in open_tasks)
