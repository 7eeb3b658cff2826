"""Pages of crops: by confidence, by suspicion, by likeness."""

from datetime import UTC, datetime

import pytest

from loop.crops.grid import CropOrder, CropQuery, list_crops
from loop.crops.pictures import BoxSource
from loop.crops.relabel import BoxName
from loop.crops.suspect_store import SuspectList
from loop.crops.suspicion import SuspectBox, SuspectKind
from loop.errors import PayloadError, UnknownProject
from loop.label_studio.views import put_tasks
from tests.builders import CONFIG, NOON, region
from tests.crops.builders import CAR, PERSON, accept, fill


def names(page):
    return [crop.box.text for crop in page.crops]


def test_the_boxes_of_a_class_come_by_confidence_and_page_by_page(rooms):
    fill(rooms)

    least = list_crops(rooms.crops, 1, CropQuery(CropOrder.LEAST_SURE, "Car"))
    surest = list_crops(rooms.crops, 1, CropQuery(label="Car", page=2, size=2))

    assert names(least) == ["1:h1", "2:h2", "3:h3", "1:c1", "2:c2", "3:c3"]
    assert (names(surest), surest.total, surest.pages) == (["1:c1", "1:h1"], 6, 3)
    assert least.labels == {"Car": 6, "Person": 3}


def test_without_a_class_the_most_frequent_one_is_shown_and_a_page_too_far_is_the_last(rooms):
    fill(rooms)

    page = list_crops(rooms.crops, 1, CropQuery(page=10**9, size=4))

    assert (page.query.label, page.query.page, len(page.crops)) == ("Car", 2, 2)


def test_a_class_that_is_no_label_of_the_project_comes_after_those_that_are(rooms):
    fill(rooms)
    rooms.studio.projects.save(1, "Cars", CONFIG.replace('"Car"', '"Lorry"'))

    page = list_crops(rooms.crops, 1, CropQuery())

    assert (page.query.label, page.labels) == ("Person", {"Car": 6, "Person": 3})


@pytest.mark.parametrize("label", ["Car", "Auto", None])
@pytest.mark.parametrize("is_followed", [True, False])
def test_the_boxes_of_a_renamed_class_are_one_list_whichever_of_its_names_is_asked_for(rooms, label, is_followed):
    fill(rooms)
    rooms.studio.classes.rename(1, "Car", "Auto")
    if is_followed:
        rooms.studio.projects.save(1, "Autos", CONFIG.replace("Car", "Auto"))

    page = list_crops(rooms.crops, 1, CropQuery(label=label))

    name = "Auto" if is_followed else "Car"
    assert (page.query.label, page.labels) == (name, {name: 6, "Person": 3})
    assert [crop.label for crop in page.crops] == [name] * 6


def test_reviewed_boxes_have_their_verdict(rooms):
    fill(rooms)
    accept(rooms, 1, region("c1", "Car", CAR))

    page = list_crops(rooms.crops, 1, CropQuery(source=BoxSource.REVIEWED))

    assert [(crop.box.text, crop.verdict) for crop in page.crops] == [("1:c1", "confirmed")]


def test_an_empty_project_says_so(rooms):
    assert "no boxes yet" in list_crops(rooms.crops, 1, CropQuery()).missing
    assert "loop suspects" in list_crops(rooms.crops, 1, CropQuery(CropOrder.SWAPPED)).missing
    with pytest.raises(UnknownProject):
        list_crops(rooms.crops, 77, CropQuery())


def test_boxes_that_look_like_one_are_the_nearest_references(rooms):
    fill(rooms)
    for task in (1, 2, 3):
        accept(rooms, task, region(f"c{task}", "Car", CAR), region(f"p{task}", "Person", PERSON))

    query = CropQuery(CropOrder.ALIKE, like=BoxName(1, "c1"), source=BoxSource.REVIEWED)
    page = list_crops(rooms.crops, 1, query)

    assert names(page)[:2] == ["2:c2", "3:c3"]  # the fake embedder sees the place of a box alone
    assert page.crops[0].score == 1.0
    assert "1:c1" not in names(page)


def test_with_milvus_down_only_likeness_is_missing_and_the_page_says_why(rooms):
    fill(rooms)
    rooms.references.milvus.is_down = True

    page = list_crops(rooms.crops, 1, CropQuery(CropOrder.ALIKE, like=BoxName(1, "c1")))

    assert (page.crops, "did not answer" in page.missing) == ((), True)
    assert list_crops(rooms.crops, 1, CropQuery()).total == 6


def test_a_box_that_is_gone_looks_like_nothing(rooms):
    fill(rooms)

    assert "no vector of 9:x" in list_crops(rooms.crops, 1, CropQuery(CropOrder.ALIKE, like=BoxName(9, "x"))).missing
    with pytest.raises(PayloadError):
        list_crops(rooms.crops, 1, CropQuery(CropOrder.ALIKE))


def test_suspects_come_from_the_last_look_and_those_reviewed_since_are_marked(rooms):
    suspects = [
        SuspectBox(SuspectKind.MISPLACED, task, "/a.jpg", region("r", label, CAR), score, "Car")
        for task, label, score in ((1, "Car", 0.9), (2, "Person", 0.8), (3, "Car", 0.7))
    ]
    rooms.crops.suspects.replace(1, SuspectList("v", 3, tuple(suspects), NOON))
    accept(rooms, 3, region("r", "Car", CAR))

    page = list_crops(rooms.crops, 1, CropQuery(CropOrder.MISPLACED))
    cars = list_crops(rooms.crops, 1, CropQuery(CropOrder.MISPLACED, "Car"))

    assert [(crop.box.task_id, crop.score, crop.suggested) for crop in page.crops] == [
        (1, 0.9, ""),
        (2, 0.8, "Car"),
        (3, 0.7, ""),
    ]
    assert [crop.is_changed for crop in page.crops] == [False, False, True]
    assert (names(cars), page.labels, page.found.version) == (["1:r", "3:r"], {"Car": 2, "Person": 1}, "v")
    assert list_crops(rooms.crops, 1, CropQuery(CropOrder.SWAPPED)).crops == ()


def test_a_view_shows_each_task_once_and_is_the_same_view_every_time(rooms):
    first, second = (put_tasks(rooms.studio.client, 1, "Selected crops", [3, 1, 3]).line for _ in range(2))

    assert ("added" in first, "shows 2 tasks" in second) == (True, True)
    (view,) = rooms.studio.client.tabs
    assert [item["value"] for item in view["data"]["filters"]["items"]] == [3, 1]


def test_a_list_of_suspects_is_read_as_it_was_written(rooms):
    suspect = SuspectBox(SuspectKind.SWAPPED, 1, "/a.jpg", region("r", "<b>", CAR, 0.5), 0.75, "Ärger")
    found = SuspectList("", 0, (suspect,), datetime(2026, 1, 1, tzinfo=UTC), ("Milvus is down",))

    rooms.crops.suspects.replace(1, found)

    assert rooms.crops.suspects.read(1) == found
