"""Matches in a real Label Studio: in its predictions, its Data Manager and its editor."""

from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from loop.label_studio.payloads import read_prediction, read_review
from loop.label_studio.prediction_import import NewPrediction
from loop.label_studio.result_format import write_result
from loop.label_studio.views import show_tasks
from loop.regions import Box, Region
from loop.reviews.verdicts import Decision, judge
from loop.taxonomy.publish import publish, publish_views
from loop.taxonomy.taxonomy_yaml import read
from loop.taxonomy.voting import Match
from loop.wiring import build
from tests.builders import picture
from tests.services import settings_of, until

pytestmark = [
    pytest.mark.timeout(240),
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
FOLDER = Path(__file__).parents[3] / "label_config"
CONFIG = (FOLDER / "rectangles_taxonomy.xml").read_text()
TREE = read((FOLDER / "taxonomy.yaml").read_text())
BIRD, COW, PLANT = Match("bird", 0.81), Match("cattle", 0.7), Match("plant", 0.6)


@pytest.fixture(scope="module")
def rooms(label_studio, tmp_path_factory):
    """Records of our own, with a champion; nothing runs beside them."""
    folder = tmp_path_factory.mktemp("publish")
    with closing(build(settings_of(label_studio, folder / "home"), migrate=True)) as built:
        (folder / "some.pt").write_bytes(b"weights")
        yield built, folder / "some.pt"


@pytest.fixture
def predicted(api, rooms):
    """A project of three tasks that its champion and an older version predicted: its id and, in order, the tasks'."""
    built, weights = rooms
    made = api.post("/api/projects", json={"title": "Birds", "label_config": CONFIG}).raise_for_status().json()
    project_id = made["id"]
    built.studio.projects.save(project_id, "Birds", CONFIG)
    champion = built.registry.versions.add(project_id, weights).name
    built.registry.versions.promote(project_id, champion, "first")
    files = {f"{n}": (f"{n}.jpg", picture((640, 480)), "image/jpeg") for n in range(3)}
    api.post(f"/api/projects/{project_id}/import", files=files).raise_for_status()
    task_ids = sorted(task["id"] for task in tasks(api, project_id))
    for version in ("yolo_detector@0.9.0", champion):
        rows = [
            NewPrediction(task_id, version, score, regions(built, project_id, task_id))
            for task_id, score in zip(task_ids, (0.3, 0.1, 0.2), strict=True)
        ]
        built.studio.client.store_predictions(project_id, rows)
    settings = {"model_version": champion, "sampling": "Uncertainty sampling"}
    api.patch(f"/api/projects/{project_id}", json=settings).raise_for_status()
    return project_id, task_ids


def regions(rooms, project_id, task_id):
    regions = [
        Region(f"{task_id}-a", Box(0.1, 0.1, 0.4, 0.6), "Bird", 0.9),
        Region(f"{task_id}-b", Box(0.5, 0.3, 0.9, 0.9), "Cattle", 0.6),
    ]
    return write_result(regions, rooms.studio.projects.get(project_id).config(), (640, 480))


def tasks(api, project_id, view=None):
    params = {"project": project_id, "fields": "all", "page_size": 100} | ({"view": view} if view else {})
    return api.get("/api/tasks", params=params).raise_for_status().json()["tasks"]


def by_view(api, project_id):
    views = api.get("/api/dm/views/", params={"project": project_id}).json()
    return {one["data"]["title"]: [task["id"] for task in tasks(api, project_id, one["id"])] for one in views}


def next_task(api, project_id):
    return api.get(f"/api/projects/{project_id}/next").raise_for_status().json()["id"]


def test_matches_change_the_champions_results_and_nothing_else(api, rooms, predicted):
    built, _ = rooms
    project_id, (first, second, third) = predicted
    shown = {"result": regions(built, project_id, first), "parent_prediction": None, "lead_time": 3.0}
    review = api.post(f"/api/tasks/{first}/annotations/", json=shown).raise_for_status().json()
    before, served = tasks(api, project_id), next_task(api, project_id)

    matches = {first: {f"{first}-a": BIRD}, second: {f"{second}-a": BIRD, f"{second}-b": COW}, third: {}}
    summary = publish(built, built.studio.projects.get(project_id), TREE, matches)
    again = publish(built, built.studio.projects.get(project_id), TREE, matches)

    assert "2 predictions show other matches now, 1 showed theirs" in summary
    assert "0 predictions show other matches now, 3 showed theirs" in again
    assert api.get(f"/api/annotations/{review['id']}/").json()["result"] == review["result"]
    assert served == next_task(api, project_id) == second
    for old, new in zip(before, tasks(api, project_id), strict=True):
        for was, now in zip(old["predictions"], new["predictions"], strict=True):
            is_written = now["model_version"] == "yolo_detector@1.0.0" and matches[new["id"]]
            assert [key for key in was if was[key] != now[key]] == (["result", "updated_at"] if is_written else [])
    chosen = [one for one in tasks(api, project_id)[1]["predictions"][-1]["result"] if one["type"] == "taxonomy"]
    assert [one["value"]["taxonomy"] for one in chosen] == [[["Animal", "Bird"]], [["Animal", "Cattle"]]]


def test_the_views_follow_the_predictions_by_themselves(api, rooms, predicted):
    built, _ = rooms
    project_id, (first, second, third) = predicted
    project = built.studio.projects.get(project_id)
    mine = {"title": "Category: mine", "type": "list", "target": "tasks"}
    api.post("/api/dm/views/", json={"project": project_id, "data": mine}).raise_for_status()

    publish_views(built, project_id, TREE)
    publish(built, project, TREE, {first: {f"{first}-a": BIRD}, second: {f"{second}-a": COW}, third: {}})
    tasks_by_view = by_view(api, project_id)
    publish(built, project, TREE, {first: {}, second: {}, third: {f"{third}-a": PLANT}})
    later = by_view(api, project_id)
    publish_views(built, project_id, read("nodes: [{id: animal, title: Animal}]"))

    assert tasks_by_view["Category: Animal"] == [first, second]
    assert (tasks_by_view["Category: Bird"], tasks_by_view["Category: Cattle"], tasks_by_view["Category: Plant"]) == (
        [first],
        [second],
        [],
    )
    assert (later["Category: Animal"], later["Category: Plant"]) == ([], [third])
    assert list(by_view(api, project_id)) == ["Category: mine", "Category: Animal"]


def test_an_annotator_sees_a_match_and_keeps_it_by_submitting(api, label_studio, rooms, predicted, page, tmp_path):
    built, _ = rooms
    project_id, (first, second, _) = predicted
    publish(built, built.studio.projects.get(project_id), TREE, {first: {f"{first}-a": BIRD, f"{first}-b": COW}})
    publish_views(built, project_id, TREE)
    built.studio.client.create_view(project_id, show_tasks("By id", [first, second]))
    views = {one.title: one.id for one in built.studio.client.views(project_id)}

    page.goto(f"{label_studio.url}/projects/{project_id}/data?tab={views['By id']}")
    expect(page.get_by_text("Tasks: 2 / 3")).to_be_visible()
    page.goto(f"{label_studio.url}/projects/{project_id}/data?tab={views['Category: Cattle']}")
    expect(page.get_by_text("Tasks: 1 / 3")).to_be_visible()
    page.screenshot(path=tmp_path / "view.png")
    page.goto(f"{label_studio.url}/projects/{project_id}/data?task={first}")
    page.locator(".lsf-outliner").get_by_text("Cattle", exact=True).first.click()
    expect(page.get_by_text("handling: report to the herd book")).to_be_visible()
    expect(page.get_by_text("Animal/Cattle", exact=True)).to_be_visible()
    page.screenshot(path=tmp_path / "region.png")
    page.get_by_role("button", name="Submit").click()

    until(lambda: tasks(api, project_id)[0]["annotations"])
    task = tasks(api, project_id)[0]
    annotation, prediction = task["annotations"][0], task["predictions"][-1]
    assert sorted(one["type"] for one in annotation["result"]) == ["rectanglelabels"] * 2 + ["taxonomy"] * 2
    assert annotation["result"][0]["meta"] == prediction["result"][0]["meta"]
    config = built.studio.projects.get(project_id).config()
    review = read_review(annotation, config, project_id=project_id, task_id=first)
    verdicts = judge(read_prediction(prediction, config, task_id=first).regions, review.regions)
    assert [one.decision for one in verdicts] == [Decision.CONFIRMED] * 2
