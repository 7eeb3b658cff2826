"""What of the reference collection may be wrong, and how much stands in it."""

import pytest

from loop.errors import MilvusDown
from loop.references import check as vet
from loop.references.entries import CollectionKind, Entry, Neighbour
from loop.references.index import index
from loop.references.label_errors import ErrorPolicy, find_contradictions, find_suspects, list_tasks
from tests.builders import CONFIG, region
from tests.fakes import FakeImages, FakeLabelStudio
from tests.references.builders import RIGHT, predicted, reviewed
from tests.references.fakes import FakeReferences
from tests.swap import swap
from tests.vision.fakes import FakeEmbedders

POLICY = ErrorPolicy(neighbours=4, least=3, share=0.7, twins=0.98)


def entry(key, label="Car", task=None):
    return Entry(key=key, task=int(key) if task is None else task, region=f"r{key}", label=label)


def near(*labels, similarity=0.9, first=10):
    return [Neighbour(entry(str(first + n), label), similarity) for n, label in enumerate(labels)]


def test_a_reference_whose_neighbours_all_say_otherwise_is_suspect():
    wrong = entry("1", "Car")

    (suspect,) = find_suspects({wrong: near("Bird", "Bird", "Bird", "Car")}, POLICY)

    assert (suspect.entry, suspect.suggested, suspect.share) == (wrong, "Bird", 0.75)


@pytest.mark.parametrize(
    "labels",
    [["Bird", "Bird", "Car", "Car"], ["Car"] * 4, ["Bird", "Bird"], [], ["Bird", "Fish", "Cow", "Dog"]],
    ids=["divided", "agreed", "too-few", "none", "all-differ"],
)
def test_a_reference_is_not_suspect_where_its_neighbours_are(labels):
    assert find_suspects({entry("1"): near(*labels)}, POLICY) == []


def test_boxes_of_the_same_task_have_no_vote():
    same = [Neighbour(entry(str(n), "Bird", task=1), 0.99) for n in range(20, 30)]

    assert find_suspects({entry("1"): [*same, *near("Car", "Car", "Car")]}, POLICY) == []


def test_only_the_nearest_vote():
    neighbours = {entry("1"): [*near("Car", "Car", "Car", "Car"), *near(*["Bird"] * 20, similarity=0.5, first=50)]}

    assert find_suspects(neighbours, POLICY) == []


def test_twins_with_two_labels_are_one_contradiction():
    car, bird = entry("1", "Car"), entry("2", "Bird")
    neighbours = {car: [Neighbour(bird, 0.99)], bird: [Neighbour(car, 0.99)], entry("3"): [Neighbour(car, 1.0)]}

    (pair,) = find_contradictions(neighbours, POLICY)

    assert {pair.first, pair.second} == {car, bird}
    assert find_contradictions({car: [Neighbour(bird, 0.9)]}, POLICY) == []
    assert list_tasks([], [pair]) == [1, 2]


@pytest.fixture
def rooms(rooms):
    studio = FakeLabelStudio(tasks=[{"id": task} for task in (1, 2)])
    return swap(
        rooms,
        (rooms.vision.embedders, FakeEmbedders()),
        (rooms.references.milvus, FakeReferences()),
        (rooms.studio.client, studio),
    )


def test_an_empty_collection_and_one_reference_only_have_nothing_wrong(rooms):
    assert vet.check(rooms.references, 1).tasks == []

    predicted(rooms)
    reviewed(rooms, region("1l", "Car"))
    index(rooms.references, 1)

    report = vet.check(rooms.references, 1)
    assert (report.references, report.tasks, report.without_task) == (1, [], [])


def test_the_same_crop_under_two_labels_is_found_and_shown_in_one_view(rooms):
    for task, label in ((1, "Car"), (2, "Person")):
        predicted(rooms, task=task)
        reviewed(rooms, region(f"{task}l", label), task=task, annotation=task)
    index(rooms.references, 1)

    report = vet.check(rooms.references, 1)
    first, second = (vet.make_view(rooms.references, 1, report.tasks) for _ in range(2))

    assert len(report.contradictions) == 1
    assert sorted(report.tasks) == [1, 2]
    assert "added" in first
    assert "shows 2 tasks" in second
    (view,) = rooms.studio.client.tabs
    assert [item["value"] for item in view["data"]["filters"]["items"]] == report.tasks


def test_two_names_of_one_class_do_not_contradict_each_other(rooms):
    for task, label in ((1, "Car"), (2, "Person")):
        predicted(rooms, task=task)
        reviewed(rooms, region(f"{task}l", label), task=task, annotation=task)
    index(rooms.references, 1)
    rooms.studio.classes.rename(1, "Car", "Person")

    assert vet.check(rooms.references, 1).contradictions == []


def test_vectors_whose_task_or_image_is_gone_are_listed(rooms):
    rooms = swap(rooms, (rooms.vision.images, FakeImages(broken=[2])))
    for task in (1, 2, 3):
        predicted(rooms, task=task, image=f"/{task}.jpg")
    index(rooms.references, 1)

    report = vet.check(rooms.references, 1)

    assert report.without_task == [3]
    assert {row.wanted.entry.task for row in report.without_image} == {2}


def test_stats_count_by_label_verdict_and_state(rooms):
    predicted(rooms)
    reviewed(rooms, region("1l", "Car"))
    index(rooms.references, 1)

    references, detections = vet.count_vectors(rooms.references, 1).kinds

    assert (references.kind, references.labels, references.verdicts) == (
        CollectionKind.REFERENCES,
        {"Car": 1},
        {"corrected": 1},
    )
    assert detections.verdicts == {"corrected": 1, "false_positive": 1, "not reviewed": 1}
    assert (detections.entries, detections.index, detections.is_current) == (3, "FLAT", True)


@pytest.mark.parametrize("is_followed", [True, False])
def test_stats_count_the_names_of_a_class_as_one_by_the_name_in_the_label_config(rooms, is_followed):
    predicted(rooms)
    rooms.studio.classes.rename(1, "Car", "Auto")
    reviewed(rooms, region("1l", "Car"), region("1x", "Auto", RIGHT))
    if is_followed:
        rooms.studio.projects.save(1, "Autos", CONFIG.replace("Car", "Auto"))
    index(rooms.references, 1)

    references, detections = vet.count_vectors(rooms.references, 1).kinds

    name = "Auto" if is_followed else "Car"
    assert (references.labels, detections.labels) == ({name: 2}, {name: 2, "Person": 1})


def test_with_milvus_down_stats_say_what_the_records_say_and_check_says_why_not(rooms):
    predicted(rooms)
    index(rooms.references, 1)
    rooms.references.milvus.is_down = True

    stats = vet.count_vectors(rooms.references, 1)

    assert "did not answer" in stats.error
    assert stats.kinds[1].states == {"done": 3}
    with pytest.raises(MilvusDown):
        vet.check(rooms.references, 1)
