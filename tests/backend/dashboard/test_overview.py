"""The page that a person sees first of a project."""

import re

from tests.backend.builders import client_of
from tests.backend.dashboard.builders import PAGE, PROJECT, fill_versions


def test_the_overview_says_in_words_how_many_images_are_held_out(filled, tmp_path):
    fill_versions(filled.extensions["rooms"], tmp_path)

    page = client_of(filled).get(f"/loop/projects/{PROJECT}/", headers=PAGE).text

    assert "<dt>Images trained on</dt><dd>120</dd><dt>Images held out</dt><dd>20</dd>" in re.sub(r">\s+<", "><", page)
