"""What an annotator sees: the labelling page in a real browser."""

import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.integration.conftest import make_project, project_of, run_loop, until

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
pytestmark = [
    pytest.mark.timeout(240),
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def page(label_studio):
    chromium = shutil.which("chromium")
    assert chromium, "no chromium: run `make setup`, or apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(f"{label_studio.url}/user/login/")
        page.locator("input[name=email]").fill(label_studio.email)
        page.locator("input[name=password]").fill(label_studio.password)
        page.locator("button[type=submit]").click()
        page.wait_for_url(lambda url: "login" not in url)
        yield page
        browser.close()


@pytest.fixture
def predicted(api, parts, loop_settings):
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
