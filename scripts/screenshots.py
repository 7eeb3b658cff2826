"""
Take a picture of each page of the dashboard of an installation that runs: `python -m scripts.screenshots [PROJECT]`.

It needs the same LOOP_HOME and settings as the `loop up` that runs, and Chromium. Each page of the navigation becomes
docs/screenshots/NAME.webp, in light, as do the pages that these lead to; the overview also in dark and at the width of
a phone. docs/dashboard.md has them. A training runs meanwhile, whose job is one of the pages; then it is cancelled.
"""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from loop.installation.watching.jobs import RETRAIN
from loop.job_queue.job_list import JobState
from loop.rooms import Rooms
from loop.settings import Settings
from loop.training.ask import ask_training
from loop.training.retrain import cancel
from loop.wiring import build

PAGE = Path(__file__).parents[1] / "docs" / "dashboard.md"
FOLDER = PAGE.parent / "screenshots"
BEGIN, END = "<!-- screenshots: begin -->", "<!-- screenshots: end -->"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
WIDE, NARROW, HEIGHT, TALLEST = 1200, 360, 800, 1400  # pixels
QUALITY = 85  # of WebP
HIDE = """folder => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(folder, "LOOP_HOME");
}"""  # folders of this machine are not for the docs
ASKED = {"Accept": "?error=0.1"}  # of a page that answers a question
LED_TO = (  # further pages: the title, the page with a link to it, and the link, of which the first is followed
    ("A version", "Models", 'tr:has(.badge.good) a[href*="/models/version"]'),
    ("The gate's report", "A version", 'a[href*="/models/report"]'),
    ("Predicted and reviewed labels", "Learning curve", ".matrix td.mistaken a"),
    ("A cluster", "Clusters", 'main table a[href*="/clusters/"]'),
    ("Map of the unknown", "Clusters", 'main a[href$="/clusters/map/"]'),
    ("A job", "Jobs", 'main a[href*="/jobs/"]'),
)
SETTLING = 1500  # milliseconds in which parts of a page load and charts are drawn


def main() -> None:
    """Sign in, and take a picture of each page."""
    settings = Settings.read()
    with closing(build(settings)) as rooms, opened() as page:
        projects = [project.id for project in rooms.studio.projects.all()]
        project_id = int(sys.argv[1]) if len(sys.argv) > 1 else projects[0]
        ticket = rooms.access.sign_ins.make("screenshots", is_read_only=False)
        page.goto(f"{settings.local_url}/loop/sign-in?ticket={ticket}")
        page.get_by_role("button", name="Sign in").click()
        with training(rooms, project_id):
            pictures = dict(take(page, settings.local_url, project_id, FOLDER))
    write_page(pictures)


@contextmanager
def training(rooms: Rooms, project_id: int) -> Iterator[None]:
    """Have a training of the project run meanwhile."""
    ask_training(rooms.trainings, project_id, "pictures of the pages")
    try:
        while not any(job.work == RETRAIN and job.state is JobState.RUNNING for job in rooms.queue.jobs()):
            time.sleep(1)
        yield
    finally:
        cancel(rooms.trainings, project_id)


@contextmanager
def opened() -> Iterator[Page]:
    """Open a page of a browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser.new_page(viewport={"width": WIDE, "height": HEIGHT}, color_scheme="light")
        browser.close()


def take(page: Page, url: str, project_id: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write a picture of each page into a folder; yield title and file. The *page* is signed in."""
    folder.mkdir(parents=True, exist_ok=True)
    overview = f"{url}/loop/projects/{project_id}/"
    page.goto(overview)
    links = page.locator("header nav li a").all()
    addresses = {link.inner_text(): link.get_attribute("href") or "" for link in links}
    for title, address in addresses.items():
        yield from _take_from(page, url, title, address, folder)
    page.emulate_media(color_scheme="dark")
    page.goto(overview)
    yield "Overview, dark", _take(page, folder / "overview-dark.webp")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    page.goto(overview)
    yield "Overview, on a phone", _take(page, folder / "overview-phone.webp")


def _take_from(page: Page, url: str, title: str, address: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write a picture of the page at an address, and of those that it leads to."""
    page.goto(f"{url}{address}{ASKED.get(title, '')}")
    picture = _take(page, folder / f"{_name(title)}.webp")
    links = {name: page.locator(link) for name, before, link in LED_TO if before == title}
    led_to = {name: link.first.get_attribute("href") or "" for name, link in links.items() if link.count()}
    yield title, picture
    for name, next_address in led_to.items():
        yield from _take_from(page, url, name, next_address, folder)


def write_page(pictures: Mapping[str, Path], page: Path = PAGE) -> None:
    """Show pictures by their titles in the page of the docs, between its marks."""
    lines = [f"**{title}**\n\n![{title}]({path.relative_to(page.parent)})\n" for title, path in pictures.items()]
    text = "\n".join([BEGIN, "", *lines, END])
    page.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: text, page.read_text(), flags=re.DOTALL))


def _take(page: Page, path: Path) -> Path:
    """Write a picture of the page, down to at most TALLEST pixels."""
    page.wait_for_timeout(SETTLING)
    height, width = page.evaluate("document.documentElement.scrollHeight"), page.evaluate("innerWidth")
    page.set_viewport_size({"width": width, "height": min(height, TALLEST)})  # a bar at the lower edge stays there
    page.wait_for_timeout(SETTLING)
    page.evaluate(HIDE, str(Settings.read().home))
    Image.open(BytesIO(page.screenshot())).convert("RGB").save(path, quality=QUALITY, method=6)
    page.set_viewport_size({"width": width, "height": HEIGHT})
    return path


def _name(title: str) -> str:
    return re.sub(r"[^a-z]+", "-", title.lower()).strip("-")


if __name__ == "__main__":
    main()
