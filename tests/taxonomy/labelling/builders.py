"""A version that knows one label of two, and open tasks whose boxes get the other one by references."""

from dataclasses import replace

from loop.label_studio.result_format import write_result
from loop.references.index import index
from loop.registry.store import VersionFacts
from tests.builders import ls_task, region, served
from tests.references.builders import LEFT, RIGHT, reviewed
from tests.taxonomy.builders import matching

FIRST = "yolo_detector@0.1.0"


def knowing_cars_and_dogs(rooms, folder):
    """A champion that knows cars and dogs; the labels of the project are Car and Person."""
    (folder / "first.pt").write_bytes(b"first")
    rooms = matching(rooms)
    promote(rooms, folder / "first.pt", "Car", "dog")
    return rooms


def promote(rooms, weights, *classes):
    version = rooms.registry.versions.add(1, weights, VersionFacts(classes=classes), number="0.1.0")
    return rooms.registry.versions.promote(1, version.name, "test")


def predicted(rooms, task, *, version=FIRST, **parts):
    """A task with a car on the right and, if *foreign*, a dog on the left, as Label Studio stores it."""
    car = region(f"{task}r", "Car", RIGHT, 0.9)
    dog = region(f"{task}l", "dog", LEFT, 0.4)
    entry = served(car, task=task, image=f"/data/upload/1/{task}.jpg", version=version)
    rooms.serving.predictions.append([replace(entry, size=(64, 48), foreign=(dog,), **parts)])
    result = write_result([car], rooms.studio.projects.get(1).config(), (64, 48))
    stored = {"id": 100 + task, "model_version": version, "score": 0.5, "result": result}
    counts = {"total_annotations": 0, "cancelled_annotations": 0, "draft_exists": False}
    rooms.studio.client.tasks.append(ls_task(task, f"/data/upload/1/{task}.jpg", predictions=[stored], **counts))


def a_person_is_named(rooms):
    """Task 1 was reviewed, and what is on its left is a person."""
    predicted(rooms, 1)
    person, car = region("1l", "Person", LEFT), region("1r", "Car", RIGHT)
    reviewed(rooms, person, car, image="/data/upload/1/1.jpg")
    index(rooms.references, 1)


def shown(rooms, task):
    """The labels in Label Studio and in the log."""
    stored = rooms.studio.client.named_tasks(1, [task])[task].predictions_of(FIRST)
    (in_studio,) = [[item["value"]["rectanglelabels"][0] for item in each.result] for each in stored]
    logged = [box.label for box in rooms.serving.predictions.newest(1, [task])[task].regions]
    return in_studio, logged
