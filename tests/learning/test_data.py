"""The images of studies, and the queue that serves them."""

import hashlib
import random
from collections import Counter

import pytest

from loop.label_studio.prediction_import import NewPrediction
from scripts.demo import scenes
from scripts.demo.project import label_config
from scripts.learning import composed
from scripts.learning.composed import CLASSES, compose_held_out, compose_pool, make_near_duplicate
from scripts.learning.studio import PROJECT, MemoryStudio

DEMO = "20daaa2b67cc5fa4db2874dd5e77f9980e4e8cf788a0ffd944c5c2e6a536782a"


@pytest.fixture(scope="module")
def pool():
    return compose_pool(150, seed=1)


def test_the_scenes_of_the_demo_are_as_they_always_were():
    """Other scenes would change every figure of the demo and of the benchmarks."""
    digest = hashlib.sha256()
    for palette, seed in zip(scenes.palettes(), (3, 9), strict=True):
        for scene in scenes.compose(palette, 4, seed=seed, prefix="d"):
            digest.update(repr((scene.name, scene.objects, scene.stamps)).encode())

    assert digest.hexdigest() == DEMO


def test_the_pool_has_a_long_tail_empty_images_and_crowds(pool):
    labels = Counter(label for scene in pool for label, _ in scene.objects)
    counts = sorted(len(scene.objects) for scene in pool)

    assert set(labels) == set(CLASSES)
    assert labels["Flower"] > 3 * labels["Fish"]
    assert 0.2 < counts.count(0) / len(counts) < 0.45
    assert counts[-1] >= 25


def test_no_cut_out_and_no_background_of_the_held_out_images_is_in_the_pool():
    shown = {stamp for scene in compose_pool(150, seed=1) for stamp in scene.stamps}
    held_out = {stamp for scene in compose_held_out(40, seed=0) for stamp in scene.stamps}

    assert shown
    assert held_out
    assert not shown & held_out


def test_a_pool_follows_from_its_seed_and_a_larger_one_begins_alike(pool):
    again, other = compose_pool(20, seed=1), compose_pool(20, seed=2)

    assert [scene.objects for scene in again] == [scene.objects for scene in pool[:20]]
    assert [scene.objects for scene in other] != [scene.objects for scene in again]


def test_the_boxes_of_a_near_duplicate_lie_on_its_objects(pool):
    scene = next(scene for scene in pool if len(scene.objects) == 1)
    (label, box), rng = scene.objects[0], random.Random(1)

    moved = make_near_duplicate(scene, rng, "again")

    ((same, shifted),) = moved.objects
    assert same == label
    assert 0.8 < box.iou(shifted) < 1.0
    assert moved.image.tobytes() != scene.image.tobytes()


def test_a_scene_can_have_as_many_objects_as_it_should(pool):
    palette, _ = scenes.palettes(classes=CLASSES)
    recipe = composed.Recipe(lambda _: composed.MOST, lambda rng, labels: rng.choice(labels), composed._list_sides)

    (scene,) = scenes.compose(palette, 1, seed=1, prefix="c", recipe=recipe)

    assert len(scene.objects) >= 0.8 * composed.MOST


def open_studio(version="a@1"):
    studio = MemoryStudio(label_config(["Car"]), seed=1)
    studio.add_tasks([f"{number}.jpg" for number in range(1, 5)])
    for task, score in ((1, 0.9), (2, 0.1), (3, 0.2), (4, 0.3)):
        studio.store_predictions(PROJECT, [NewPrediction(task, version, score, [])])
    studio.update_project(PROJECT, version="a@1")
    return studio


def serve_all(studio):
    served = []
    while task := studio.next_task():
        served.append(task.id)
        studio.annotate(task, {"result": []})
    return served


def test_the_lowest_score_is_served_first():
    assert serve_all(open_studio()) == [2, 3, 4, 1]


def test_the_group_of_which_least_is_done_is_served_first():
    studio = open_studio()
    for task, group in ((1, 2), (2, 1), (3, 1), (4, 1)):
        (prediction,) = studio.named_tasks(PROJECT, [task])[task].predictions
        studio.update_prediction(prediction.id, group=group)

    assert serve_all(studio) == [2, 1, 3, 4]


def test_predictions_of_another_version_give_no_order():
    assert sorted(serve_all(open_studio("b@1"))) == [1, 2, 3, 4]
    assert serve_all(open_studio("b@1")) != serve_all(open_studio())
