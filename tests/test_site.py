"""The site of the docs: built strictly, so that every link and every anchor leads somewhere; it asks no other site."""

import re

import pytest

from scripts import picture, setup, site


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    if not setup.tools_folder().exists():
        pytest.skip("the builder of the docs is not here: make setup")
    folder = tmp_path_factory.mktemp("site")
    ended = site.build(folder)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


def test_every_page_of_the_docs_is_in_it(built):
    pages = {path.stem for path in (setup.ROOT / "docs").glob("*.md")} | {"index", "CONTRIBUTING", "CHANGELOG"}

    assert pages == {path.stem for path in built.glob("*.html")} - {"404"}


def test_no_page_loads_anything_from_another_site(built):
    loaded = re.compile(
        r"<(?:script|img|iframe|link rel=.(?:stylesheet|icon|preconnect).)[^>]* (?:src|href)=.(?:https?:)?//"
    )

    assert [page.name for page in built.glob("*.html") if loaded.search(page.read_text())] == []


def test_the_picture_of_the_loop_is_the_one_that_is_drawn():
    assert picture.FILE.read_text() == picture.draw(), "run `python -m scripts.picture`"
