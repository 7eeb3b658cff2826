"""Open tasks show labels by references: as soon as references know them, and until a version does."""

import pytest

from loop.errors import MilvusDown, Refused
from loop.label_studio.match_control import KEYS
from loop.references.entries import CollectionKind
from loop.references.index import index
from loop.registry.store import VersionFacts
from loop.taxonomy import manage, run
from loop.taxonomy.editing.categories import begin_taxonomy
from loop.taxonomy.labelling import open_tasks
from tests.builders import region
from tests.references.builders import BELOW, RIGHT, reviewed
from tests.taxonomy.labelling.builders import FIRST, a_person_is_named, knowing_cars_and_dogs, predicted, shown


@pytest.fixture
def rooms(rooms, tmp_path):
    """A champion that knows cars and dogs; the labels of the project are Car and Person."""
    return knowing_cars_and_dogs(rooms, tmp_path)


def test_a_box_of_no_label_is_shown_with_the_label_of_what_was_reviewed(rooms):
    predicted(rooms, 2)
    a_person_is_named(rooms)
    assert open_tasks.is_due(rooms.taxonomies, rooms.studio.projects.get(1))

    line = open_tasks.label_tasks(rooms.taxonomies, 1)

    assert line == "1 open tasks show other labels by references"
    assert shown(rooms, 2) == (["Car", "Person"],) * 2
    stored = rooms.studio.client.named_tasks(1, [2])[2].predictions_of(FIRST)[0]
    assert stored.id == 102  # changed in place: a person who has the task open can submit it
    assert stored.result[1]["meta"]["text"] == ["label by references 1.00; detected as dog 0.40"]
    assert stored.score == rooms.serving.predictions.newest(1, [2])[2].score < 0.9
    assert rooms.serving.predictions.newest(1, [2])[2].foreign == ()


def test_its_voters_are_kept_for_lineage(rooms):
    predicted(rooms, 2)
    a_person_is_named(rooms)
    open_tasks.label_tasks(rooms.taxonomies, 1)

    person = rooms.serving.predictions.newest(1, [2])[2].regions[1]

    ((reference, similarity), *_) = person.source.voters
    assert similarity == pytest.approx(1)
    entries = rooms.references.milvus.find(1, CollectionKind.REFERENCES, rooms.vision.embedders.space("", None)).rows
    assert entries[reference][0].region == "1l"


def test_a_second_pass_changes_nothing(rooms):
    predicted(rooms, 2)
    a_person_is_named(rooms)
    open_tasks.label_tasks(rooms.taxonomies, 1)
    index(rooms.references, 1)
    patched, logged = len(rooms.studio.client.patched), len(rooms.serving.predictions.of_task(1, 2))

    assert open_tasks.label_tasks(rooms.taxonomies, 1) == "0 open tasks show other labels by references"

    assert len(rooms.studio.client.patched) == patched
    assert len(rooms.serving.predictions.of_task(1, 2)) == logged
    assert not open_tasks.is_due(rooms.taxonomies, rooms.studio.projects.get(1))


def test_tasks_that_come_later_are_labelled_too(rooms, monkeypatch):
    predicted(rooms, 2)
    a_person_is_named(rooms)
    open_tasks.label_tasks(rooms.taxonomies, 1)
    index(rooms.references, 1)  # stores the vector of a box that has another label anew, which is no reason for a pass
    monkeypatch.setattr(open_tasks, "PAUSE", 0 * open_tasks.PAUSE)
    monkeypatch.setattr(open_tasks, "SHARE", 1e9)
    assert not open_tasks.is_due(rooms.taxonomies, rooms.studio.projects.get(1))

    predicted(rooms, 3)
    index(rooms.references, 1)

    assert open_tasks.is_due(rooms.taxonomies, rooms.studio.projects.get(1))
    open_tasks.label_tasks(rooms.taxonomies, 1)
    assert shown(rooms, 3) == (["Car", "Person"],) * 2


def test_a_task_that_somebody_has_begun_stays_as_it_is(rooms):
    predicted(rooms, 2)
    a_person_is_named(rooms)
    rooms.studio.client.tasks[0]["draft_exists"] = True

    open_tasks.label_tasks(rooms.taxonomies, 1)

    assert shown(rooms, 2) == (["Car"],) * 2


def test_the_references_of_a_label_that_is_gone_take_it_back(rooms):
    predicted(rooms, 2)
    a_person_is_named(rooms)
    open_tasks.label_tasks(rooms.taxonomies, 1)
    reviewed(rooms, region("1r", "Car", RIGHT), edited=20, image="/data/upload/1/1.jpg")
    index(rooms.references, 1)

    assert open_tasks.label_tasks(rooms.taxonomies, 1) == "1 open tasks show other labels by references"

    assert shown(rooms, 2) == (["Car"],) * 2
    assert [box.label for box in rooms.serving.predictions.newest(1, [2])[2].foreign] == ["dog"]
    assert open_tasks.label_tasks(rooms.taxonomies, 1) == ""


def test_where_no_class_is_a_label_a_task_without_boxes_has_no_score_again(rooms, tmp_path):
    (tmp_path / "dogs.pt").write_bytes(b"dogs")
    version = rooms.registry.versions.add(1, tmp_path / "dogs.pt", VersionFacts(classes=("dog",))).name
    rooms.registry.versions.promote(1, version, "test")
    predicted(rooms, 2, regions=(), version=version)
    a_person_is_named(rooms)
    open_tasks.label_tasks(rooms.taxonomies, 1)
    assert rooms.studio.client.named_tasks(1, [2])[2].predictions_of(version)[0].score > 0
    reviewed(rooms, edited=20, image="/data/upload/1/1.jpg")
    index(rooms.references, 1)

    open_tasks.label_tasks(rooms.taxonomies, 1)

    assert [(each["result"], each["score"]) for each in rooms.studio.client.tasks[0]["predictions"]] == [([], None)]


def test_it_ends_with_a_version_that_knows_the_label(rooms, tmp_path):
    predicted(rooms, 2)
    a_person_is_named(rooms)
    (tmp_path / "better.pt").write_bytes(b"better")
    better = rooms.registry.versions.add(1, tmp_path / "better.pt", VersionFacts(classes=("Car", "Person")))
    rooms.registry.versions.promote(1, better.name, "the gate passed it")

    assert not open_tasks.is_due(rooms.taxonomies, rooms.studio.projects.get(1))
    assert open_tasks.label_tasks(rooms.taxonomies, 1) == ""
    assert shown(rooms, 2) == (["Car"],) * 2


def test_a_project_whose_version_knows_all_labels_is_never_due(rooms):
    predicted(rooms, 2)
    reviewed(rooms, region("1r", "Car", RIGHT))
    index(rooms.references, 1)

    assert not open_tasks.is_due(rooms.taxonomies, rooms.studio.projects.get(1))


def test_while_milvus_is_down_tasks_stay_as_they_are_and_are_due(rooms):
    predicted(rooms, 2)
    a_person_is_named(rooms)
    rooms.references.milvus.is_down = True

    with pytest.raises(MilvusDown):
        open_tasks.label_tasks(rooms.taxonomies, 1)

    assert "no labels by references" in run.run(rooms.taxonomies, 1)
    assert open_tasks.is_due(rooms.taxonomies, rooms.studio.projects.get(1))
    rooms.references.milvus.is_down = False
    run.run(rooms.taxonomies, 1)
    assert shown(rooms, 2) == (["Car", "Person"],) * 2


def test_a_change_that_label_studio_refuses_is_not_in_the_log(rooms, monkeypatch):
    predicted(rooms, 2)
    a_person_is_named(rooms)

    def refuse(*_, **__):
        raise Refused("not found", 404)

    monkeypatch.setattr(rooms.studio.client, "update_prediction", refuse)

    open_tasks.label_tasks(rooms.taxonomies, 1)

    assert shown(rooms, 2) == (["Car"],) * 2


def test_a_change_that_a_crash_left_out_of_label_studio_is_made_by_the_next_pass(rooms, monkeypatch):
    predicted(rooms, 2)
    a_person_is_named(rooms)
    with monkeypatch.context() as crash:
        crash.delattr(type(rooms.studio.client), "update_prediction")
        with pytest.raises(AttributeError):
            open_tasks.label_tasks(rooms.taxonomies, 1)

    open_tasks.label_tasks(rooms.taxonomies, 1)

    assert shown(rooms, 2) == (["Car", "Person"],) * 2
    assert len(rooms.serving.predictions.of_task(1, 2)) == 2


def test_the_matches_to_a_taxonomy_stay_beside_the_boxes(rooms):
    predicted(rooms, 2)
    a_person_is_named(rooms)
    manage.apply(rooms.taxonomies, 1, begin_taxonomy(["Car", "Person"]), "test")

    run.run(rooms.taxonomies, 1)

    items = rooms.studio.client.named_tasks(1, [2])[2].predictions_of(FIRST)[0].result
    assert [bool(item["meta"].get(KEYS)) for item in items] == [True, True]
    assert items[1]["meta"]["text"][0].startswith("label by references")


def test_a_held_back_box_may_get_a_label_and_a_place_without_a_vector_waits(rooms):
    predicted(rooms, 2, candidates=(region("2c", "Car", BELOW, 0.1),))
    a_person_is_named(rooms)
    reviewed(rooms, region("1b", "Person", BELOW), task=4, annotation=4, image="/data/upload/1/4.jpg")
    index(rooms.references, 1)
    predicted(rooms, 5)  # without vectors until the next index job

    open_tasks.label_tasks(rooms.taxonomies, 1)

    assert sorted(shown(rooms, 2)[1]) == ["Car", "Person", "Person"]
    assert shown(rooms, 5) == (["Car"],) * 2
