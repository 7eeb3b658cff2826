"""The frame of all pages, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.backend.dashboard.builders import PROJECT
from tests.backend.dashboard.conftest import look

pytestmark = [
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_a_person_walks_from_the_projects_to_an_overview_by_keyboard(page):
    page.goto("/loop/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(r"/loop/projects/1/"))
    look(page)


PAGES = [
    *("/loop/", f"/loop/projects/{PROJECT}/", "/loop/projects/1/", "/loop/jobs", f"/loop/jobs/refresh-{PROJECT}"),
    *("/loop/jobs/discover-5", "/loop/events", "/loop/events?failed=1", f"/loop/audit?project={PROJECT}&kind=policy"),
    *("/loop/audit", "/loop/doctor", "/loop/doctor?run=1", f"/loop/projects/{PROJECT}/training/"),
    *("/loop/projects/1/training/", f"/loop/projects/{PROJECT}/accept/", f"/loop/projects/{PROJECT}/accept/?error=0.1"),
]


def test_every_page_is_whole_for_everybody_and_hostile_names_are_inert(page):
    for path in PAGES:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        look(page)


def test_a_link_signs_a_browser_in_once_and_out(chrome, site, filled):
    ticket = filled.extensions["rooms"].access.sign_ins.make("ann", is_read_only=False)
    context = chrome.new_context(base_url=site)
    page = context.new_page()

    page.goto(f"/loop/sign-in?ticket={ticket}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Projects")
    assert [(cookie["httpOnly"], cookie["sameSite"], cookie["path"]) for cookie in context.cookies()] == [
        (True, "Strict", "/loop/")
    ]
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{site}/loop/sign-in")
    assert context.cookies() == []
    page.goto(f"/loop/sign-in?ticket={ticket}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("body")).to_contain_text("this link was used already")
    context.close()


def test_the_browser_runs_no_script_that_stands_in_a_page(page):
    page.goto("/loop/")
    page.evaluate(
        "const made = document.createElement('script'); made.textContent = 'window.ran = 1'; document.body.append(made)"
    )

    assert page.evaluate("window.ran") is None
    assert "Content Security Policy" in " ".join(page.trouble.texts)
