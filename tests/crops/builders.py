"""A project with predicted and reviewed tasks, whose boxes have vectors."""

from dataclasses import replace

from loop.references.index import index
from loop.reviews.judging import judge_tasks
from tests.builders import box, region, review, served

IMAGE = "/data/upload/1/a.jpg"
CAR, PERSON, UNDRAWN = box(0.1, 0.1, 0.3, 0.3), box(0.6, 0.1, 0.9, 0.4), box(0.1, 0.6, 0.4, 0.9)


def fill(rooms, tasks=3):
    """Tasks with a car and a person, each sure; task 1 is reviewed without its person, which nobody drew or deleted."""
    for task in range(1, tasks + 1):
        shown = (region(f"c{task}", "Car", CAR, 0.5 + task / 10), region(f"p{task}", "Person", PERSON, 0.9))
        prediction = served(*shown, task=task, image=f"/{task}.jpg", version=version_of(rooms))
        held_back = region(f"h{task}", "Car", UNDRAWN, 0.1)
        rooms.serving.predictions.append([replace(prediction, candidates=(held_back,))])
    index(rooms.references, 1)


def version_of(rooms):
    return rooms.registry.version_name(rooms.registry.versions.champion(1))


def accept(rooms, task, *regions, makes_vectors=True, **fields):
    rooms.reviews.store.record(review(*regions, annotation=task, task=task, **fields), {"image": f"/{task}.jpg"})
    judge_tasks(rooms.reviews, 1, [task])
    if makes_vectors:
        index(rooms.references, 1)
