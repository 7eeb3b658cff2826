"""The order of a study by what a version sees on mirrored images."""

from contextlib import closing

import pytest

from loop.registry.store import VersionFacts
from loop.serving.refresh import refresh
from scripts.demo.scenes import WARM_START
from scripts.learning.data import write_images
from scripts.learning.plan import FLIPS, RunPlan
from scripts.learning.project import open_project
from scripts.learning.replay import make_settings
from scripts.learning.studio import PROJECT
from tests.learning.fakes import draw_scenes, make_lab

PLAN = RunPlan("composed", FLIPS, 1, 1, 4, 4, 4, 1)


@pytest.mark.parametrize(
    ("skill", "scores"),
    [
        pytest.param(3, [0.5, 1.0, 1.0, 1.0], id="it-sees-the-whole-upper-row"),
        pytest.param(1, [0.5, 0.0, 0.0, 0.0], id="it-sees-the-upper-left-place-alone"),
    ],
)
def test_an_image_comes_first_where_a_version_sees_other_boxes_on_its_mirror_image(tmp_path, skill, scores):
    """The images have 0 to 3 rectangles in the upper row, from the left."""
    lab = make_lab()
    data, names = lab.data["composed"], write_images(tmp_path / "images", draw_scenes("p", 4))
    settings = make_settings(PLAN, data, tmp_path / "home", WARM_START, lab.variables)
    project = open_project(settings, data.labels, tmp_path / "images", PLAN, lab.detectors)
    with closing(project.rooms):
        project.studio.add_tasks(names)
        (tmp_path / "weights.pt").write_text(f"skill {skill}")
        versions = project.rooms.registry.versions
        version = versions.add(PROJECT, tmp_path / "weights.pt", VersionFacts(classes=data.labels))
        versions.promote(PROJECT, version.name, "a test")

        refresh(project.rooms.serving, PROJECT)

        tasks = project.studio.open_tasks(PROJECT)
        assert [task.predictions[0].score for task in tasks] == scores
