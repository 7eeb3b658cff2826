"""Jobs and events in a real browser: what is refreshed by itself, and forms by keyboard."""

import pytest
from playwright.sync_api import expect

from loop.job_queue.progress import JobProgress
from tests.backend.dashboard.builders import PROJECT
from tests.backend.dashboard.conftest import look

pytestmark = [
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_progress_comes_without_a_reload_and_a_job_is_cancelled_by_keyboard(page, filled):
    queue = filled.extensions["rooms"].queue
    page.goto(f"/loop/jobs/refresh-{PROJECT}")
    expect(page.locator("main")).to_contain_text("30 done, 70 left")

    queue.note_progress(f"refresh-{PROJECT}", JobProgress(90, 10, 2.0))
    expect(page.locator("main")).to_contain_text("90 done, 10 left", timeout=10_000)
    page.locator("summary", has_text="Cancel").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(3500)  # a refresh leaves the open form as it is
    look(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator(".message.done")).to_contain_text("is stopped within seconds")
    assert queue.cancelled == [f"refresh-{PROJECT}"]


def test_chosen_events_are_retried_by_keyboard(page, filled):
    page.goto("/loop/events")

    page.get_by_label("Choose event 2").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Retry the chosen").focus()
    page.keyboard.press("Enter")

    expect(page.locator(".message.done")).to_contain_text("1 events are worked on again")
    assert [event.id for event in filled.extensions["rooms"].reviews.events.pending(PROJECT)] == [2]
    look(page)


def test_a_part_that_fails_is_said_in_the_page(page, filled):
    page.goto("/loop/jobs")
    filled.extensions["rooms"].queue.listed = [None]  # a bug

    expect(page.get_by_role("alert")).to_contain_text("could not be loaded (status 500)", timeout=10_000)


def test_the_pages_work_without_scripts(chrome, site):
    context = chrome.new_context(
        base_url=site,
        java_script_enabled=False,
        http_credentials={"username": "user", "password": "pass", "send": "always"},
    )
    page = context.new_page()
    page.goto("/loop/events")
    page.get_by_label("Choose event 1").check()
    page.get_by_role("button", name="Dismiss the chosen").click()

    expect(page.locator(".message.done")).to_contain_text("1 events are dismissed")
    context.close()
