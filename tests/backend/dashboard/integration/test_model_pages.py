"""The pages of versions, of the learning curve and of rates, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.backend.dashboard.builders import PROJECT, fill_versions
from tests.backend.dashboard.conftest import look
from tests.fakes import FakeDetectors
from tests.swap import swap

pytestmark = [
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PLACE = f"/loop/projects/{PROJECT}/"


@pytest.fixture
def filled(filled, tmp_path):
    rooms = filled.extensions["rooms"]
    filled.extensions["rooms"] = swap(rooms, (rooms.registry.detectors, FakeDetectors()))
    fill_versions(filled.extensions["rooms"], tmp_path, 4, gone=(1,))
    return filled


PAGES = (
    *("models/", "models/version?name=2.3.0", "models/report?name=2.2.0", "models/report?name=2.1.0"),
    *("models/compare", "models/compare?first=2.1.0&second=2.2.0", "models/compare?first=2.0.0&second=2.2.0"),
    *("learning/", "learning/boxes?predicted_label=Car&reviewed_label=Car"),
    *("rates/", "rates/?by=label&rate=missed", "rates/?by=annotator", "rates/?by=cohort"),
)


def test_every_page_is_whole_for_everybody_on_a_phone_and_in_the_dark(page):
    for path in PAGES:
        page.goto(PLACE + path)
        look(page)


def test_every_page_of_an_empty_project_is_whole(page):
    for path in ("models/", "models/compare", "learning/", "rates/"):
        page.goto(f"/loop/projects/1/{path}")
        expect(page.locator(".empty").first).to_be_visible()
        look(page)


def test_charts_are_drawn_with_their_figures(page):
    page.goto(f"{PLACE}learning/")

    for name in ("by-images", "by-class"):
        drawn = (
            "(name) => { const c = document.getElementById(name); "
            "return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((value) => value > 0) }"
        )
        assert page.evaluate(drawn, name)
    figures = page.locator("figure", has=page.locator("#by-images")).locator("details")
    figures.locator("summary").click()
    expect(figures.locator("tbody tr").first).to_contain_text(re.compile(r"0\.\d+ \(0\.\d+ to 0\.\d+\)"))


def test_a_version_is_rolled_back_by_keyboard_with_a_reason(page, filled):
    versions = filled.extensions["rooms"].registry.versions
    page.goto(f"{PLACE}models/")
    page.locator("summary", has_text="Roll back").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("too many false boxes")
    page.keyboard.press("Enter")

    expect(page.locator(".message.done")).to_have_text("yolo_detector@2.1.0 serves again")
    assert versions.champion(PROJECT).name == "yolo_detector@2.1.0"
    look(page)


def test_two_versions_are_measured_by_a_job_that_the_page_follows(page, filled):
    queue = filled.extensions["rooms"].queue
    page.goto(f"{PLACE}models/compare?first=2.0.0&second=2.2.0")

    page.get_by_role("button", name="Measure both").click()
    expect(page.locator("#job")).to_contain_text("This page follows it.")
    (job,) = queue.page_jobs
    queue.failures[job] = "out of memory"
    expect(page.locator("#job")).to_contain_text("The last measurement failed: out of memory", timeout=15_000)
    look(page)


def test_a_cell_of_the_confusion_leads_to_its_boxes(page):
    page.goto(f"{PLACE}learning/")

    page.locator(".matrix td.agreed a").first.click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Predicted as Car, reviewed as Car")
    expect(page.locator(".boxes li")).to_have_count(12)
    widths = "[...document.querySelectorAll('.boxes li')].map((item) => item.scrollWidth - item.clientWidth)"
    assert max(page.evaluate(widths)) == 0
    expect(page.locator(".boxes a").first).to_have_attribute("href", re.compile(r"/projects/5/data\?task=\d+"))
