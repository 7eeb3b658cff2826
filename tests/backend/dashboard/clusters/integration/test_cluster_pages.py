"""The pages of clusters in a real browser: names that would act, the map by pointer, keys and touch, decisions."""

import re

import pytest
from playwright.sync_api import expect

from tests.backend.dashboard.builders import HOSTILE, PROJECT
from tests.backend.dashboard.clusters.builders import ONE, cluster, member, with_clusters, write_map
from tests.backend.dashboard.conftest import look

pytestmark = [
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PATH = f"/loop/projects/{PROJECT}/clusters/"
DRAWN = ".map[data-drawn]"


@pytest.fixture
def rooms(filled):
    return with_clusters(filled)


def test_each_page_is_whole_for_everybody_also_in_an_empty_project(rooms, page):
    for path in (PATH, f"{PATH}map/", "/loop/projects/1/clusters/", "/loop/projects/1/clusters/map/"):
        page.goto(path, wait_until="networkidle")  # going on while a picture comes would count as trouble
        expect(page.locator("main")).to_contain_text(HOSTILE[:20] if path.startswith(PATH) else "A discovery")
        look(page)

    page.goto(f"{PATH}{ONE}/")  # the last: it has pictures that come when they are scrolled to
    expect(page.locator("main")).to_contain_text(HOSTILE[:20])
    look(page)


def test_a_person_promotes_and_undoes_by_the_keyboard_alone(rooms, page):
    page.goto(PATH)
    page.locator("summary", has_text="Promote").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Leaf")
    page.keyboard.press("Enter")
    expect(page.locator(".message.done")).to_contain_text(f"70 boxes of cluster {ONE} are Leaf")
    expect(page.locator(".message.note")).to_contain_text("Its boxes become references within minutes")

    page.locator("summary", has_text="Undo").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("it is moss")
    page.keyboard.press("Enter")

    expect(page.locator(".message.done")).to_contain_text("removed the label Leaf")
    expect(page.get_by_role("heading", level=3)).to_have_count(2)
    look(page)


def test_the_map_shows_the_box_that_is_pointed_at_and_goes_on_by_the_arrow_keys(rooms, page):
    page.goto(f"{PATH}map/")
    expect(page.locator(DRAWN)).to_have_attribute("data-drawn", "118")
    canvas = page.locator(".map .canvas")
    says, box = page.locator(".says"), canvas.bounding_box()

    for step in range(20):  # somewhere on the way is a point
        page.mouse.move(box["x"] + box["width"] * (0.1 + step * 0.04), box["y"] + box["height"] * 0.5)
    expect(says).to_contain_text("task ")
    expect(page.locator(".chosen img")).to_have_attribute(
        "src", re.compile(rf"/loop/projects/{PROJECT}/crops/\d+/.+\.jpg$")
    )
    seen = set()
    canvas.focus()
    for key in ("ArrowLeft",) * 4 + ("ArrowUp",) * 4:
        page.keyboard.press(key)
        seen.add(page.locator(".ring").get_attribute("style"))
    page.keyboard.press("Enter")

    assert len(seen) >= 4
    expect(page.locator("a.task")).to_be_focused()
    assert re.search(r"/projects/5/data\?task=\d+$", page.locator("a.task").get_attribute("href"))
    look(page)


def test_a_finger_chooses_a_point_on_a_phone(rooms, chrome, site, page):
    context = chrome.new_context(
        base_url=site,
        viewport={"width": 360, "height": 740},
        has_touch=True,
        is_mobile=True,
        http_credentials={"username": "user", "password": "pass", "send": "always"},
    )
    phone = context.new_page()
    phone.goto(f"{PATH}map/")
    phone.wait_for_selector(DRAWN)
    box = phone.locator(".map .canvas").bounding_box()

    for step in range(1, 9):
        phone.touchscreen.tap(box["x"] + box["width"] * step / 10, box["y"] + box["height"] * 0.4)

    expect(phone.locator(".says")).to_contain_text("task ")
    context.close()


def test_a_map_of_50000_points_is_drawn_and_pointed_at_at_once(rooms, page):
    clusters = [cluster(f"{number:08x}", range(number * 1000, number * 1000 + 1000)) for number in range(30)]
    write_map(rooms, clusters, [member(number) for number in range(20_000)])

    page.goto(f"{PATH}map/")
    expect(page.locator(DRAWN)).to_have_attribute("data-drawn", "50000")
    box = page.locator(".map .canvas").bounding_box()
    page.evaluate(
        "window.slowest = 0; let last = performance.now(); const beat = () => { const now = performance.now();"
        "window.slowest = Math.max(window.slowest, now - last); last = now; requestAnimationFrame(beat); }; beat()"
    )
    for step in range(40):
        page.mouse.move(box["x"] + box["width"] * (0.1 + step * 0.02), box["y"] + box["height"] * (0.2 + step * 0.015))
    expect(page.locator(".says")).to_contain_text("task ")

    assert page.evaluate("window.slowest") < 1000  # of a machine that other tests keep busy
