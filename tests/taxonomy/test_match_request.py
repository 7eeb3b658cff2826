"""A request is answered with matches, or without where they take too long."""

import sys
import threading
import time

import pytest

from loop.taxonomy import manage
from loop.taxonomy.match import match_detections
from loop.taxonomy.match_request import MatchNow
from tests.builders import CONFIG, region
from tests.fakes import FakeImages
from tests.references.builders import LEFT, RIGHT
from tests.swap import swap
from tests.taxonomy.builders import TREE, matching, with_references


@pytest.fixture
def rooms(rooms):
    return matching(rooms)


def suggestion(rooms, task=2, tag="b"):
    from loop.serving.predict import Suggestion

    shown = (region(f"{tag}{task}l", "Car", LEFT, 0.9), region(f"{tag}{task}r", "Person", RIGHT, 0.6))
    return Suggestion(task, "yolo_detector@1.0.0", shown, (), 0.25, 0.5, f"/data/upload/1/{tag}.jpg", (64, 64))


def test_a_request_takes_what_is_known_and_computes_the_rest(rooms):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    match_detections(rooms.taxonomies, 1)
    now = MatchNow(rooms.taxonomies, 5.0)
    shown = len(rooms.vision.embedders.shown)

    matches = now(1, CONFIG, [suggestion(rooms), suggestion(rooms, 3, "c")])

    assert {
        name: match.node for of_task in matches.values() for name, match in of_task.by_region.items()
    } == {
        "b2l": "car", "b2r": "person", "c3l": "car", "c3r": "person",
    }  # fmt: skip
    assert len(rooms.vision.embedders.shown) == shown + 2


def asked(rooms, now, suggestions, labels=("Person",)):
    config = rooms.studio.projects.get(1).config()
    votes = now.vote(1, config, labels, suggestions)
    return {region_id: vote.label for of_task in votes.values() for region_id, vote in of_task.items()}


def test_references_vote_for_a_label_in_the_request_and_each_box_is_embedded_once(rooms):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    now = MatchNow(rooms.taxonomies, 5.0)
    shown = len(rooms.vision.embedders.shown)

    assert asked(rooms, now, [suggestion(rooms, 3, "c")]) == {"c3r": "Person"}  # the other one is a car
    now(1, CONFIG, [suggestion(rooms, 3, "c")])

    assert len(rooms.vision.embedders.shown) == shown + 2


@pytest.mark.parametrize("why", ["no references", "milvus is down", "no time", "none asked", "no image"])
def test_a_request_without_votes_is_answered_as_before(rooms, why):
    if why != "no references":
        with_references(rooms)
    rooms.references.milvus.is_down = why == "milvus is down"
    rooms = swap(rooms, (rooms.vision.images, FakeImages(broken=[3] if why == "no image" else [])))
    now = MatchNow(rooms.taxonomies, 0.0 if why == "no time" else 5.0)

    assert asked(rooms, now, [] if why == "none asked" else [suggestion(rooms, 3, "c")]) == {}


def test_a_request_over_its_budget_goes_out_without(rooms, monkeypatch):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    slow, ended = threading.Event(), threading.Event()
    embed = rooms.vision.embedders.embed

    def wait(images, boxes):
        slow.wait(20)
        vectors = embed(images, boxes)
        ended.set()
        return vectors

    monkeypatch.setattr(rooms.vision.embedders, "embed", wait)
    now = MatchNow(rooms.taxonomies, 0.2)

    began = time.monotonic()
    assert now(1, CONFIG, [suggestion(rooms)]) == {}
    assert now(1, CONFIG, [suggestion(rooms)]) == {}  # the first is still at it
    assert time.monotonic() - began < 5

    slow.set()
    assert ended.wait(10)


def test_a_milvus_that_fails_after_the_request_went_out_is_warned_of_too(rooms, caplog, monkeypatch):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    find = rooms.references.milvus.find

    def hang(*arguments):
        time.sleep(0.5)
        rooms.references.milvus.is_down = True
        return find(*arguments)

    monkeypatch.setattr(rooms.references.milvus, "find", hang)
    now = MatchNow(rooms.taxonomies, 0.05)

    assert now(1, CONFIG, [suggestion(rooms)]) == {}
    deadline = time.monotonic() + 10
    while not caplog.records and time.monotonic() < deadline:
        time.sleep(0.05)

    assert sum("without matches" in record.message for record in caplog.records) == 1


def test_a_request_while_milvus_is_down_warns_once_and_recovers(rooms, caplog):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    now = MatchNow(rooms.taxonomies, 5.0)
    rooms.references.milvus.is_down = True

    assert now(1, CONFIG, [suggestion(rooms)]) == {}
    assert now(1, CONFIG, [suggestion(rooms)]) == {}
    assert sum("without matches" in record.message for record in caplog.records) == 1

    rooms.references.milvus.is_down = False
    assert now(1, CONFIG, [suggestion(rooms)])[2].by_region["b2l"].node == "car"


def test_a_matcher_that_cannot_be_loaded_costs_the_matches_alone(rooms, monkeypatch, caplog):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    now = MatchNow(rooms.taxonomies, 5.0)

    with monkeypatch.context() as broken:
        broken.setitem(sys.modules, "loop.taxonomy.match", None)  # an import of it fails
        assert now(1, CONFIG, [suggestion(rooms)]) == {}

    assert sum("without matches" in record.message for record in caplog.records) == 1
    assert now(1, CONFIG, [suggestion(rooms)])[2].by_region["b2l"].node == "car"
