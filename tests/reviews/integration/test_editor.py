"""What an annotator does in Label Studio's editor becomes the verdicts that they would expect."""

import pytest
from playwright.sync_api import expect

from loop.reviews.verdict_query import VerdictFilter
from loop.reviews.verdicts import Decision
from tests.services import make_project, project_of, run_loop, until

pytestmark = [
    pytest.mark.timeout(300),
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def project_id(api, loop_rooms, loop_settings):
    """A connected project with predicted tasks; its second label is what no prediction has."""
    project_id, _ = make_project(api, "Editor", 4, labels=("item", "other"), seed=3)
    run_loop(loop_settings, "connect", "--project", str(project_id))
    until(lambda: project_of(api, project_id)["model_version"] == "yolo_detector@0.0.0", 60)
    return project_id


class Editor:
    """The labelling page of a task, used as a person does."""

    def __init__(self, page, address):
        self.page = page
        page.goto(address)
        expect(page.locator(".konvajs-content").first).to_be_visible()

    def regions(self, label):
        return self.page.locator(".lsf-outliner").get_by_text(label, exact=True)

    def choose(self, label, place=0):
        self.regions(label).nth(place).click()

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def drag(self, start, end):
        """Drag from one point to another, each in percent of the image."""
        canvas = self.page.locator(".konvajs-content canvas").first.bounding_box()
        points = [
            (canvas["x"] + canvas["width"] * x / 100, canvas["y"] + canvas["height"] * y / 100) for x, y in (start, end)
        ]
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        self.page.mouse.move(*points[1], steps=5)
        self.page.mouse.up()

    def send(self, button):
        self.page.locator("button", has_text=button).click()


def edit(editor, moved):
    """Delete the surest box, relabel the next, move the third, leave the rest, draw one more, and submit."""
    editor.choose("item")
    editor.press("Backspace")
    editor.choose("item")
    editor.press("2", "Escape")
    expect(editor.regions("other")).to_have_count(1)
    editor.press("v")
    editor.choose("item")
    middle = moved["x"] + moved["width"] / 2, moved["y"] + moved["height"] / 2
    editor.drag(middle, (middle[0] + 1.5, middle[1]))
    editor.press("Escape", "r", "2")
    editor.drag((70, 60), (90, 90))
    expect(editor.regions("other")).to_have_count(2)
    editor.send("Submit")


def take_the_drawn_one_away(editor):
    editor.choose("other", place=1)
    editor.press("Backspace")
    expect(editor.regions("other")).to_have_count(1)
    editor.send("Update")


def test_each_kind_of_edit_is_its_verdict_and_an_update_replaces_them(api, label_studio, project_id, loop_rooms, page):
    tasks = api.get("/api/tasks", params={"project": project_id, "fields": "all"}).json()["tasks"]
    task = max(tasks, key=lambda task: len(task["predictions"][0]["result"]))
    deleted, relabelled, moved, left = task["predictions"][0]["result"]  # the surest first, as in the editor's list
    address = f"{label_studio.url}/projects/{project_id}/data?task={task['id']}"

    def judged():
        verdicts = loop_rooms.reviews.verdicts.all(VerdictFilter(project=project_id))
        return {(each.predicted or {}).get("id", "drawn"): each for each in verdicts}

    edit(Editor(page, address), moved["value"])
    verdicts = until(judged)
    assert {key: (each.decision, each.is_moved, each.is_relabelled) for key, each in verdicts.items()} == {
        deleted["id"]: (Decision.FALSE_POSITIVE, False, False),
        relabelled["id"]: (Decision.CORRECTED, False, True),
        moved["id"]: (Decision.CORRECTED, True, False),
        left["id"]: (Decision.CONFIRMED, False, False),
        "drawn": (Decision.MISSED, False, False),
    }
    assert verdicts["drawn"].reviewed["label"] == "other"
    assert verdicts["drawn"].reviewed["box"] == pytest.approx([0.7, 0.6, 0.9, 0.9], abs=0.03)

    take_the_drawn_one_away(Editor(page, address))
    until(lambda: "drawn" not in judged())
    assert judged().keys() == verdicts.keys() - {"drawn"}
    assert all(each.decision == verdicts[key].decision for key, each in judged().items())
