"""Boxes that a person named as members of a cluster are references, until a review says more."""

from datetime import UTC, datetime

import pytest

from loop.discovery.decide import promote
from loop.references.index import index
from loop.reviews.standing import TASK
from loop.taxonomy.taxonomy import Node, Taxonomy
from tests.builders import NOON, region, served
from tests.discovery.builders import at, looking, planted, references, reviewed


@pytest.fixture
def rooms(rooms):
    return looking(rooms)


def test_a_review_begun_after_the_naming_says_more_than_the_naming(rooms):
    insects, _ = planted(rooms)
    promote(rooms.discovery, 1, insects.id, "Insect")
    index(rooms.references, 1)
    reviewed(rooms, 11, ("Car", at("car", 11)))  # at noon of a day before: who made it could not know the label
    ahead = (datetime.now(UTC) - NOON).total_seconds() / 60
    reviewed(rooms, 12, ("Car", at("car", 12)), edited=ahead + 10, lead_time=60.0)
    reviewed(rooms, 13, ("Car", at("car", 13)), edited=ahead + 10, lead_time=7200.0)  # begun before, sent after

    index(rooms.references, 1)

    assert references(rooms) == {("Car", "confirmed"): 10, ("Car", "missed"): 3, ("Insect", "named"): 9}


def test_a_member_that_a_review_labelled_before_the_naming_keeps_that_label(rooms):
    insects, _ = planted(rooms)
    reviewed(rooms, 11, ("Car", at("insect", 11)))
    reviewed(rooms, 12, ("Person", at("insect", 12, 0.02)))  # where it was predicted, as a person
    reviewed(rooms, 13)

    lines = promote(rooms.discovery, 1, insects.id, "Insect")
    index(rooms.references, 1)

    assert lines[:2] == [
        f"8 boxes of cluster {insects.id} are Insect",
        "2 more have a label by a review since, and keep it",
    ]
    by_review = {("Car", "confirmed"): 10, ("Car", "missed"): 1, ("Person", "missed"): 1}
    assert references(rooms) == {**by_review, ("Insect", "named"): 8}


def test_of_boxes_that_a_reviewer_drew_those_with_another_label_since_keep_it(rooms):
    rooms.taxonomies.store.apply(1, Taxonomy((Node("cars", labels=("Car",)),)), "")
    for task in (11, 12):
        reviewed(rooms, task, ("Person", at("insect", task)))
    index(rooms.references, 1)
    insects, _ = planted(rooms)
    reviewed(rooms, 12, ("Car", at("insect", 12)), edited=6)

    promote(rooms.discovery, 1, insects.id, "Insect")
    index(rooms.references, 1)

    assert references(rooms) == {("Car", "confirmed"): 10, ("Car", "missed"): 1, ("Insect", "named"): 9}


def test_a_review_begun_before_the_naming_says_more_of_the_boxes_that_it_labels(rooms):
    insects, _ = planted(rooms)
    promote(rooms.discovery, 1, insects.id, "Insect")
    ahead = (datetime.now(UTC) - NOON).total_seconds() / 60
    reviewed(rooms, 11, ("Car", at("insect", 11, 0.02)), edited=ahead + 10, lead_time=7200.0)

    index(rooms.references, 1)

    assert references(rooms) == {("Car", "confirmed"): 10, ("Car", "missed"): 1, ("Insect", "named"): 9}


def test_the_named_boxes_of_a_deleted_task_go(rooms):
    insects, _ = planted(rooms)
    promote(rooms.discovery, 1, insects.id, "Insect")
    index(rooms.references, 1)

    rooms.reviews.store.delete(1, TASK, {11: datetime.now(UTC)})
    index(rooms.references, 1)

    assert references(rooms)["Insect", "named"] == 9


def test_named_boxes_of_another_image_are_not_those_of_the_task(rooms):
    insects, _ = planted(rooms)
    promote(rooms.discovery, 1, insects.id, "Insect")
    prediction = served(region("x", "Car", at("car", 11), 0.9), task=11, image="/other.jpg", minutes=30)
    rooms.serving.predictions.append([prediction])

    index(rooms.references, 1)

    assert references(rooms)["Insect", "named"] == 9
