"""The choice of two versions to be compared."""

import re

from tests.backend.builders import client_of
from tests.backend.dashboard.builders import PAGE, PROJECT, fill_versions


def test_two_different_versions_are_offered_to_be_compared(filled, tmp_path):
    versions = filled.extensions["rooms"].registry.versions
    fill_versions(filled.extensions["rooms"], tmp_path, 4)
    before, newest = (version.name for version in versions.list(PROJECT)[-2:])
    versions.promote(PROJECT, newest, "better")

    text = client_of(filled).get(f"/loop/projects/{PROJECT}/models/", headers=PAGE).text

    assert re.findall(r'name="second"><option>([^<]+)', text) == [newest]
    assert re.findall(r"<option selected>([^<]+)", text) == [before]
