"""The pages of crops and of the queue in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.backend.dashboard.builders import PROJECT
from tests.backend.dashboard.conftest import look
from tests.backend.dashboard.looking import give_boxes, give_images

pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]
CROPS, QUEUE = f"/loop/projects/{PROJECT}/crops/", f"/loop/projects/{PROJECT}/queue/"


@pytest.fixture
def filled(filled, tmp_path):
    """The filled project with images and vectors."""
    give_images(filled, tmp_path)
    give_boxes(filled)
    return filled


LOAD = """() => Promise.all([...document.images].map((image) => {
  image.loading = "eager";
  return image.decode().then(() => "", () => image.src);
}))"""


def see_pictures(page):
    """Wait until every picture of the page is there."""
    assert "".join(page.evaluate(LOAD)) == ""


def test_crops_are_selected_by_keyboard_and_shown_in_label_studio(page, filled):
    page.goto(CROPS)
    see_pictures(page)
    boxes = page.locator("input[name=box]")
    boxes.first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")  # sends nothing

    expect(page.locator("[data-count]")).to_contain_text("2 of")
    look(page)
    page.get_by_role("button", name="Show their tasks in Label Studio").click()
    expect(page.get_by_role("status").first).to_contain_text("with 2 tasks")
    assert len(filled.extensions["rooms"].studio.client.tabs) == 1


def test_all_crops_are_selected_at_once_and_a_range_by_shift(page):
    page.goto(CROPS)
    boxes = page.locator("input[name=box]")
    boxes.nth(0).click()
    boxes.nth(3).click(modifiers=["Shift"])
    expect(page.locator("[data-count]")).to_contain_text("4 of")

    page.get_by_role("button", name="Select all").click()

    expect(page.locator("input[name=box]:checked")).to_have_count(boxes.count())
    expect(page.get_by_role("button", name="Select none")).to_be_visible()


def test_relabelling_asks_for_the_label_and_a_reason_first(page):
    page.goto(f"{CROPS}?order=misplaced")
    see_pictures(page)
    page.locator("input[name=box]").first.check()
    page.locator("summary", has_text="Relabel").click()
    button = page.get_by_role("button", name="Relabel the selected boxes")
    button.click()
    expect(page).to_have_url(f"{page.url}")  # the browser asks for the reason
    look(page)
    page.get_by_label("New label").select_option("Car")
    page.get_by_label("Reason").fill("looked at it")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").or_(page.get_by_role("alert")).first).to_contain_text("boxes are Car now")


@pytest.mark.parametrize(
    "path", [f"{CROPS}?order=swapped", f"{CROPS}?order=alike&like=1:p1&of=reviewed", QUEUE, "/loop/projects/1/crops/"]
)
def test_a_page_is_whole_for_everybody_and_a_picture_that_is_gone_breaks_nothing(page, path):
    page.goto(path)
    see_pictures(page)

    look(page)
