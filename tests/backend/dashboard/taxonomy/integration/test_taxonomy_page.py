"""The page of a taxonomy in a real browser: hostile names, a chosen file, errors, keyboard."""

import pytest
from playwright.sync_api import expect

from loop.taxonomy import taxonomy_yaml
from loop.taxonomy.taxonomy import Node, Taxonomy
from tests.backend.dashboard.builders import HOSTILE, PROJECT
from tests.backend.dashboard.conftest import look
from tests.backend.dashboard.taxonomy.builders import PATH, TREE, with_taxonomy

pytestmark = [
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def rooms(filled):
    return with_taxonomy(filled)


def test_the_page_is_whole_for_everybody_with_hostile_names_and_without_anything(rooms, page):
    page.goto("/loop/projects/1/taxonomy/")
    expect(page.locator(".empty").first).to_contain_text("No taxonomy was applied")
    look(page)

    page.goto(PATH)
    expect(page.locator("main")).to_contain_text(HOSTILE[:20])
    look(page)


def test_a_person_chooses_a_file_reads_what_it_changes_and_applies_it(rooms, page, tmp_path):
    new = Taxonomy((*TREE.nodes, Node("bus", HOSTILE, "thing")))
    (tmp_path / "new.yaml").write_text(taxonomy_yaml.write(new))
    page.goto(PATH)
    page.get_by_label("Or choose a file").set_input_files(tmp_path / "new.yaml")
    expect(page.locator("textarea")).to_have_value(taxonomy_yaml.write(new))
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".lines")).to_contain_text("thing / bus")
    look(page)

    page.locator("summary", has_text="Apply").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("buses came")
    page.keyboard.press("Enter")

    expect(page.locator(".message.done")).to_contain_text("taxonomy 2")
    assert rooms.taxonomies.store.current(PROJECT) == new


def test_all_errors_of_a_file_stand_on_the_page(rooms, page):
    page.goto(PATH)
    page.locator("textarea").fill(f"nodes: [{{id: a, x: 1, threshold: 7}}, {{id: b, parent: '{HOSTILE[:8]}'}}]")
    page.get_by_role("button", name="Check").click()

    expect(page.locator(".message.error li")).to_have_count(3)
    look(page)
