"""What we write for a real Label Studio is recognised there, and what its editor writes is read."""

from contextlib import closing

import pytest
from playwright.sync_api import expect

from loop.label_studio.prediction_import import NewPrediction
from loop.label_studio.result_format import write_result
from loop.regions import Box, Region
from loop.reviews.verdicts import Decision
from loop.training.after_reviews import sync
from loop.wiring import build
from tests.builders import picture, served
from tests.label_studio.builders import brush, polygon
from tests.services import settings_of, until

pytestmark = [
    pytest.mark.timeout(240),
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CONFIG = """
<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="vehicles" toName="image"><Label value="Автомобиль" alias="car"/></RectangleLabels>
  <RectangleLabels name="people" toName="image"><Label value="Person"/></RectangleLabels>
  <PolygonLabels name="poly" toName="image"><Label value="Автомобиль" alias="car"/><Label value="Road"/></PolygonLabels>
  <BrushLabels name="brush" toName="image"><Label value="Person"/></BrushLabels>
</View>
"""


@pytest.fixture
def project(api, label_studio, tmp_path):
    """Records of our own, a project of three tasks with a prediction each, and the tasks' ids."""
    with closing(build(settings_of(label_studio, tmp_path / "home"), migrate=True)) as rooms:
        made = api.post("/api/projects", json={"title": "Shapes", "label_config": CONFIG}).raise_for_status().json()
        rooms.studio.projects.save(made["id"], "Shapes", CONFIG)
        files = {f"{n}": (f"{n}.jpg", picture((640, 480)), "image/jpeg") for n in range(3)}
        api.post(f"/api/projects/{made['id']}/import", files=files).raise_for_status()
        tasks = sorted(tasks_of(api, made["id"]), key=lambda task: task["id"])
        rows = []
        for task in tasks:
            regions = [Region(f"{task['id']}-a", Box(0.1, 0.1, 0.4, 0.4), "Автомобиль", 0.9)]
            regions += [Region(f"{task['id']}-b", Box(0.6, 0.5, 0.9, 0.9), "Person", 0.8)]
            prediction = served(*regions, task=task["id"], project=made["id"], image=task["data"]["image"])
            rooms.serving.predictions.append([prediction])
            result = write_result(regions, rooms.studio.projects.get(made["id"]).config(), (640, 480))
            rows.append(NewPrediction(task["id"], prediction.version, 0.5, result))
        assert rooms.studio.client.store_predictions(made["id"], rows) == 3
        yield rooms, made["id"], [task["id"] for task in tasks]


def tasks_of(api, project_id):
    return api.get("/api/tasks", params={"project": project_id, "fields": "all"}).raise_for_status().json()["tasks"]


def test_shapes_aliases_and_two_controls_are_read_from_a_real_label_studio(api, label_studio, project, page):
    rooms, project_id, (first, second, third) = project
    api.post(
        "/api/dm/views/", json={"project": project_id, "data": {"title": "All", "type": "list"}}
    ).raise_for_status()
    page.goto(f"{label_studio.url}/projects/{project_id}/data?task={first}")
    expect(page.locator(".lsf-outliner").get_by_text("Автомобиль", exact=True).first).to_be_visible()
    expect(page.locator(".lsf-outliner").get_by_text("Person", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Submit").click()
    until(lambda: tasks_of(api, project_id)[0]["annotations"])
    square = [(10, 10), (40, 10), (40, 40), (10, 40)]
    for task, shapes in ((second, [polygon("car", square), polygon("Road")]), (third, [brush("Person")])):
        drawn = {"result": shapes, "lead_time": 3.0}
        api.post(f"/api/tasks/{task}/annotations/", json=drawn).raise_for_status()

    line = sync(rooms.trainings, project_id).line

    submitted = tasks_of(api, project_id)[0]["annotations"][0]["result"]
    assert [(one["from_name"], one["value"]["rectanglelabels"]) for one in submitted] == [
        ("vehicles", ["car"]),
        ("people", ["Person"]),
    ]
    decisions = {
        task: sorted(one.decision for one in rooms.rates.store.read_verdicts(project_id) if one.task_id == task)
        for task in (first, second, third)
    }
    assert decisions[first] == [Decision.CONFIRMED] * 2
    assert decisions[second] == [Decision.CORRECTED, Decision.FALSE_POSITIVE]
    assert decisions[third] == []
    assert "1 reviews not read whole" in line
