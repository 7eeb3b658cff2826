"""Predictions and reviews of the same places, for tests of their vectors."""

from dataclasses import replace

from loop.references.entries import CollectionKind
from loop.references.plan import find_source
from loop.reviews.judging import judge_tasks
from scripts.demo import scenes
from tests.builders import box, region, review, served

IMAGE = "/data/upload/1/a.jpg"
LEFT, RIGHT, BELOW = box(0.1, 0.1, 0.3, 0.3), box(0.6, 0.1, 0.9, 0.4), box(0.1, 0.6, 0.4, 0.9)


def predicted(rooms, task=1, *, image=IMAGE, version="yolo_detector@1.0.0", minutes=-10, tag=""):
    """A car on the left and a person on the right are shown, something below is held back."""
    shown = (region(f"{tag}{task}l", "Car", LEFT, 0.9), region(f"{tag}{task}r", "Person", RIGHT, 0.6))
    prediction = served(*shown, task=task, image=image, version=version, minutes=minutes)
    rooms.serving.predictions.append([replace(prediction, candidates=(region(f"{tag}{task}c", "Car", BELOW, 0.1),))])


def reviewed(rooms, *regions, task=1, annotation=1, edited=5, image=IMAGE):
    rooms.reviews.store.record(review(*regions, annotation=annotation, task=task, edited=edited), {"image": image})
    judge_tasks(rooms.reviews, 1, [task])


def entries(rooms, kind):
    """What stands in the collection in use, by region."""
    collection = rooms.references.milvus.find(1, kind, rooms.vision.embedders.space("", None))
    return {entry.region: entry for entry, _ in collection.rows.values()} if collection else {}


def environment(home, milvus, embedder):
    return {
        "LOOP_HOME": str(home),
        "LOOP_MILVUS_URI": milvus.address,
        "LOOP_EMBEDDER": embedder,
        "LOOP_BASE_WEIGHTS": str(scenes.WARM_START),
        "LOOP_IMAGE_SIZE": "320",
        "LOOP_ALLOW_PRIVATE_ADDRESSES": "true",
        "LABEL_STUDIO_API_KEY": "k",
    }


def accept(rooms, task, image, regions):
    rooms.reviews.store.record(review(*regions, annotation=task, task=task, minutes=10), {"image": image})
    judge_tasks(rooms.reviews, 1, [task])


def count_vectors(rooms):
    count_of = {}
    for kind in CollectionKind:
        collection = rooms.references.milvus.find(1, kind, find_source(rooms.references, 1).space)
        count_of[kind] = len(collection.keys()) if collection else 0
    return count_of
