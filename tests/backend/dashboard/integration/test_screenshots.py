"""The pictures of the dashboard for the docs."""

import pytest
from PIL import Image

from scripts.screenshots import BEGIN, END, take, write_page
from tests.backend.dashboard.builders import PROJECT

pytestmark = [
    pytest.mark.long,
    pytest.mark.sqlite,
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_each_page_of_the_navigation_has_a_small_picture_and_the_docs_show_it(page, site, tmp_path):
    pictures = dict(take(page, site, PROJECT, tmp_path / "screenshots"))
    (tmp_path / "dashboard.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_page(pictures, tmp_path / "dashboard.md")

    text = (tmp_path / "dashboard.md").read_text()
    assert {"Projects", "Overview", "Jobs", "Doctor", "Overview, dark", "Overview, on a phone"} <= set(pictures)
    assert {"A version", "The gate's report", "Predicted and reviewed labels", "A job"} <= set(pictures)
    assert max(path.stat().st_size for path in pictures.values()) < 200_000
    assert Image.open(pictures["Overview, on a phone"]).width == 360
    assert "![Audit trail](screenshots/audit-trail.webp)" in text
    assert "old" not in text
    assert text.endswith("after\n")
