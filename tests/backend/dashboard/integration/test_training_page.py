"""The page of trainings in a real browser, by keyboard."""

import pytest
from playwright.sync_api import expect

from tests.backend.dashboard.builders import PROJECT
from tests.backend.dashboard.conftest import look

pytestmark = [
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_a_training_is_asked_for_by_keyboard(page, filled):
    page.goto(f"/loop/projects/{PROJECT}/training/")
    page.locator("summary", has_text="Train now").focus()
    page.keyboard.press("Enter")
    look(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator(".message.done")).to_contain_text("training 1 is asked for, or goes on already")
    assert ("retrain", PROJECT) in filled.extensions["rooms"].queue.asked


def test_a_class_is_renamed_by_keyboard(page, filled):
    page.goto(f"/loop/projects/{PROJECT}/training/")
    page.locator("tr", has_text="Car").locator("summary", has_text="Rename").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Lorry")
    look(page)
    page.keyboard.press("Enter")

    expect(page.locator(".message.done")).to_contain_text("is called 'Lorry'")
    assert filled.extensions["rooms"].studio.classes.book(PROJECT).get("Lorry").former == ("Car",)
