"""What an annotator sees: the labelling page in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.services import make_project, project_of, run_loop, until

pytestmark = [
    pytest.mark.timeout(240),
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def predicted(api, loop_rooms, loop_settings):
    """A connected project whose label is what the start weights know, so that they have something to show."""
    project_id, annotator = make_project(api, "Page", 4, labels=("item",), seed=3)
    run_loop(loop_settings, "connect", "--project", str(project_id))
    until(lambda: project_of(api, project_id)["model_version"] == "yolo_detector@0.0.0", 60)
    return project_id, annotator


def test_the_labelling_page_shows_the_pre_annotation(api, label_studio, predicted, page, tmp_path):
    project_id, _ = predicted
    shown = {
        task["id"]: len(task["predictions"][0]["result"])
        for task in api.get("/api/tasks", params={"project": project_id, "fields": "all"}).json()["tasks"]
    }
    task_id = max(shown, key=shown.get)
    assert shown[task_id] > 0, "the start weights show nothing on these scenes"

    page.goto(f"{label_studio.url}/projects/{project_id}/data?task={task_id}")

    expect(page.locator(".konvajs-content").first).to_be_visible()
    regions = page.locator(".lsf-outliner").get_by_text("item", exact=True)
    expect(regions).to_have_count(shown[task_id])
    page.screenshot(path=tmp_path / "labelling-page.png")
