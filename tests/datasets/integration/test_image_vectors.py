"""Near-duplicates by real features of whole images: twins are found, other images of the same places are not."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from PIL import ImageOps

from loop.datasets.assemble import assemble, find_leaks
from loop.datasets.image_vectors import PREPARATION
from loop.settings import Settings
from loop.wiring import build
from scripts.demo import scenes
from tests.builders import CONFIG, region, review
from tests.datasets.builders import sides
from tests.swap import swap
from tests.vision.fakes import FolderImages

pytestmark = pytest.mark.timeout(200)
COUNT = 14


@pytest.fixture
def rooms(tmp_path):
    settings = {"LOOP_HOME": str(tmp_path / "home"), "LOOP_EMBEDDER": "efficientnet:"}
    with closing(build(Settings.read(settings), migrate=True)) as built:
        built.studio.projects.save(1, "Scenes", CONFIG)
        yield swap(built, (built.vision.cache, FolderImages()))


def recorded(rooms, folder, task, image):
    image.save(folder / f"{task}.jpg", quality=90)
    rooms.reviews.store.record(review(region(), annotation=task, task=task), {"image": str(folder / f"{task}.jpg")})


def test_flipped_photos_join_their_originals_and_other_things_on_the_same_backgrounds_do_not(rooms, tmp_path):
    palette = scenes.palettes()[0]
    few = replace(palette, backgrounds=palette.backgrounds[:2])  # so that most scenes share theirs
    shown = [one.image for one in scenes.compose(few, COUNT, seed=8, prefix="t")]
    for task, image in enumerate(shown, 1):
        recorded(rooms, tmp_path, task, image)
        recorded(rooms, tmp_path, 100 + task, ImageOps.mirror(image))

    split = sides(assemble(rooms.datasets, 1))

    tasks = sorted(split)
    name = f"{PREPARATION}:{rooms.vision.embedders.whole_image_space().fingerprint}"
    twins = rooms.datasets.vectors.read(1, name, {}, rooms.datasets.policy.twin_cosine).among(tasks)
    labels = dict(zip(tasks, twins.link_chains(np.arange(len(tasks)), twins.widest).tolist(), strict=True))
    pairs = [task for task in range(1, COUNT + 1) if labels[task] == labels[100 + task]]
    assert len(pairs) >= COUNT / 2
    assert len(set(labels.values())) == 2 * COUNT - len(pairs)
    assert all(split[task] is split[100 + task] for task in pairs)
    assert find_leaks(rooms.datasets, 1) == []
