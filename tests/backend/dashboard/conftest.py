"""The app on records of a filled project in a real browser, and the look at a page that ends every test of one."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from tests.backend.builders import LOGIN, client_of
from tests.backend.dashboard.builders import fill
from tests.services import chromium

AXE = Path(__file__).parent / "axe.min.js"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture
def filled(app):
    """The app, whose records have project 5 (see `builders.fill`) beside the empty project 1."""
    fill(app.extensions["rooms"])
    return app


@pytest.fixture
def operator(filled):
    """A client without a browser, who is the operator."""
    return client_of(filled)


@pytest.fixture
def site(filled):
    """The address of the app on a real port."""
    server = make_server("127.0.0.1", 0, filled, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def chrome():
    """A real browser for all tests of a module."""
    with chromium() as browser:
        yield browser


@dataclass
class Trouble:
    """What went wrong in a page since it was opened."""

    texts: list[str] = field(default_factory=list)

    def watch(self, page, site):
        page.on("console", lambda message: message.type in ("error", "warning") and self.texts.append(message.text))
        page.on("pageerror", lambda error: self.texts.append(str(error)))
        page.on("dialog", lambda dialog: (self.texts.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("requestfailed", self._note_failure)
        page.on("request", lambda request: request.url.startswith(site) or self.texts.append(f"away: {request.url}"))
        page.on("response", lambda answer: answer.status >= 400 and self.texts.append(f"{answer.status} {answer.url}"))

    def _note_failure(self, request):
        if request.failure != "net::ERR_ABORTED":  # the browser itself ends what a page still loads when it is left
            self.texts.append(f"failed: {request.url} {request.failure}")


@pytest.fixture
def page(chrome, site):
    """A page of the browser of the operator; `page.trouble` collects what goes wrong in it."""
    login = {"username": LOGIN["BASIC_AUTH_USER"], "password": LOGIN["BASIC_AUTH_PASS"], "send": "always"}
    context = chrome.new_context(base_url=site, viewport=WIDE, http_credentials=login)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.trouble = Trouble()
    page.trouble.watch(page, site)
    yield page
    context.close()


def look(page):
    """Fail on errors in the page, on a line wider than a phone, and on what axe finds in light and in dark."""
    page.wait_for_load_state()  # its text is there before its style sheet
    found = list(page.trouble.texts)
    page.set_viewport_size(NARROW)
    width = page.evaluate("document.documentElement.scrollWidth")
    found += [f"{width} px wide"] if width > NARROW["width"] else []
    page.set_viewport_size(WIDE)
    page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": AXE.read_text()})
    for scheme, rules in (("light", None), ("dark", ["color-contrast"])):  # the other rules see no colour
        page.emulate_media(color_scheme=scheme)
        options = {"runOnly": {"type": "rule", "values": rules}} if rules else {}
        violations = page.evaluate("(options) => axe.run(options).then((result) => result.violations)", options)
        found += [
            f"{scheme} {violation['id']}: {node['html'][:200]} {node['failureSummary']}"
            for violation in violations
            for node in violation["nodes"]
        ]
    assert not found, "\n".join(found)
