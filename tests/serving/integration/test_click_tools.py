"""Click tools on a real Label Studio, in its editor and by the call that the editor makes for them."""

import pytest
from playwright.sync_api import expect

from tests.label_studio.interactive.click_backend import RESULT, click_backend
from tests.services import loop_running, make_project, project_of, run_loop, settings_of, until

pytestmark = [
    pytest.mark.timeout(300),
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SMART = (
    '<View><Image name="image" value="$image"/>'
    '<RectangleLabels name="label" toName="image" smart="true"><Label value="item"/></RectangleLabels></View>'
)


@pytest.fixture(scope="module")
def settings(label_studio, tmp_path_factory):
    return settings_of(label_studio, tmp_path_factory.mktemp("clicks"))


@pytest.fixture(scope="module")
def connected(api, settings):
    """A connected project with a smart rectangle, whose start weights show something."""
    project_id, _ = make_project(api, "Clicks", 4, labels=("item",), seed=3)
    api.patch(f"/api/projects/{project_id}/", json={"label_config": SMART}).raise_for_status()
    with loop_running(settings):
        run_loop(settings, "connect", "--project", str(project_id))
        until(lambda: project_of(api, project_id)["model_version"] == "yolo_detector@0.0.0", 60)
        until(lambda: all(task["predictions"] for task in tasks_of(api, project_id)), 60)  # an audited one comes last
        yield project_id


def backend_of(api, project_id):
    (backend,) = api.get("/api/ml/", params={"project": project_id}).raise_for_status().json()
    return backend


def tasks_of(api, project_id):
    return api.get("/api/tasks", params={"project": project_id, "fields": "all"}).json()["tasks"]


def predicted(api, project_id):
    """A task with a shown box, and that box as Label Studio stores it."""
    task = max(tasks_of(api, project_id), key=lambda task: len(task["predictions"][0]["result"]))
    assert task["predictions"][0]["result"], "the start weights show nothing on these scenes"
    return task["id"], task["predictions"][0]["result"][0]


def ask(api, project_id, task_id, region):
    """Draw a box roughly, as the API of the editor tells it."""
    place = {**region["value"], "x": region["value"]["x"] + 0.5, "width": region["value"]["width"] * 0.95}
    drawn = {**region, "id": "drawn", "origin": "manual", "value": place}
    drawn.pop("score", None)  # what a person draws has none
    backend = backend_of(api, project_id)
    sent = {"task": task_id, "context": {"result": [drawn]}}
    return api.post(f"/api/ml/{backend['id']}/interactive-annotating", json=sent).raise_for_status().json()


def test_a_smart_rectangle_gets_the_box_under_it(api, connected):
    task_id, region = predicted(api, connected)

    answer = ask(api, connected, task_id, region)

    (chosen,) = answer["data"]["result"]
    assert backend_of(api, connected)["is_interactive"]
    assert chosen["value"] == region["value"]
    assert chosen["id"] not in ("drawn", region["id"])


def draw_around(page, value):
    """Draw a rough box around the place of a region, and wait for the answer of the click tool."""
    canvas = page.locator(".konvajs-content canvas").first.bounding_box()
    left, top = (
        canvas[side] + canvas[size] * (value[side] - 0.5) / 100 for side, size in (("x", "width"), ("y", "height"))
    )
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(left + 5, top + 5)
    with page.expect_response("**/interactive-annotating"):
        page.mouse.move(
            *(start + canvas[size] * (value[size] + 1) / 100 for start, size in ((left, "width"), (top, "height")))
        )
        page.mouse.up()


def test_in_the_editor_what_is_drawn_becomes_one_box_and_what_has_its_box_gets_none(api, label_studio, connected, page):
    """The editor sends all boxes of the annotation with the one that was drawn."""
    task_id, region = predicted(api, connected)
    page.goto(f"{label_studio.url}/projects/{connected}/data?task={task_id}")
    expect(page.locator(".konvajs-content").first).to_be_visible()
    boxes = page.locator(".lsf-outliner").get_by_text("item", exact=True)
    shown = len(api.get(f"/api/tasks/{task_id}/").json()["predictions"][0]["result"])
    expect(boxes).to_have_count(shown)
    for switch in ("Auto-Annotation", "Auto-Accept Suggestions"):
        page.get_by_text(switch).click()
    page.locator(".lsf-tool_smart:visible").first.click()
    page.keyboard.press("1")  # the label

    draw_around(page, region["value"])
    expect(boxes).to_have_count(shown)
    boxes.first.click()
    page.keyboard.press("Backspace")
    expect(boxes).to_have_count(shown - 1)
    page.keyboard.press("1")
    draw_around(page, region["value"])
    expect(boxes).to_have_count(shown)
    page.get_by_role("button", name="Submit").click()

    (review,) = until(lambda: api.get(f"/api/tasks/{task_id}/").json()["annotations"], 30)
    places = [result["value"] for result in review["result"]]
    assert len(places) == shown
    assert places.count(region["value"]) == 1


def test_another_backend_that_has_the_click_tools_keeps_them(api, connected, settings):
    project_id, _ = make_project(api, "Stay", 2, labels=("item",), seed=5)

    with click_backend() as server:
        other = {"project": project_id, "url": server.url, "title": "SAM", "is_interactive": True}
        api.post("/api/ml/", json=other).raise_for_status()
        run_loop(settings, "connect", "--project", str(project_id))
        backends = api.get("/api/ml/", params={"project": project_id}).raise_for_status().json()

    assert {each["title"]: each["is_interactive"] for each in backends} == {"SAM": True, "YOLO loop": False}


@pytest.mark.long  # an installation of its own
def test_with_another_backend_its_answer_arrives_as_it_is_and_its_failure_is_no_answer(
    api, label_studio, tmp_path_factory
):
    project_id, _ = make_project(api, "Handed on", 2, labels=("item",), seed=4)
    task_id = api.get("/api/tasks", params={"project": project_id}).json()["tasks"][0]["id"]
    drawn = {**RESULT, "type": "rectanglelabels", "value": {"x": 1, "y": 1, "width": 9, "height": 9}}

    with click_backend() as server:
        home = tmp_path_factory.mktemp("handed-on")
        settings = settings_of(label_studio, home, LOOP_INTERACTIVE_URL=server.url.replace("//", "//sam:secret@"))
        with loop_running(settings):
            run_loop(settings, "connect", "--project", str(project_id))
            answer = ask(api, project_id, task_id, drawn)
            server.shutdown()
            server.server_close()
            failed = ask(api, project_id, task_id, drawn)

    path, headers, body = next(got for got in server.got if got[0] == "/predict")
    assert answer["data"]["result"] == [RESULT]
    assert headers["Authorization"].startswith("Basic ")
    assert (path, body["params"]["context"]["result"][0]["id"]) == ("/predict", "drawn")
    assert "502" in failed["errors"][0]
