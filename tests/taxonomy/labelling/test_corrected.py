"""A reference that is corrected or gone takes its label from open tasks, however many others have the label."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from loop.references.index import index
from loop.taxonomy.labelling import open_tasks
from tests.builders import box, region
from tests.references.builders import LEFT, RIGHT, reviewed
from tests.taxonomy.labelling.builders import a_person_is_named, knowing_cars_and_dogs, predicted, shown

CAR = region("1r", "Car", RIGHT)


@pytest.fixture
def rooms(rooms, tmp_path):
    """Task 2 is open and shows a person, as task 1 does at its place; seven other tasks show a person elsewhere."""
    rooms = knowing_cars_and_dogs(rooms, tmp_path)
    predicted(rooms, 2)
    a_person_is_named(rooms)
    for task in range(11, 18):
        somewhere = region(f"{task}p", "Person", box(task / 100, task / 50, 0.9, 0.9))
        reviewed(rooms, somewhere, task=task, annotation=task, image=f"/data/upload/1/{task}.jpg")
    index(rooms.references, 1)
    open_tasks.label_tasks(rooms.taxonomies, 1)
    index(rooms.references, 1)
    assert shown(rooms, 2) == (["Car", "Person"],) * 2
    assert not is_waiting(rooms)
    return rooms


def name_a_person(rooms, task):
    reviewed(rooms, region(f"{task}p", "Person", RIGHT), task=task, annotation=task, image=f"/data/upload/1/{task}.jpg")
    index(rooms.references, 1)


def is_waiting(rooms):
    return open_tasks.is_waiting(rooms.taxonomies, rooms.studio.projects.get(1))


def test_a_corrected_reference_takes_its_label_back_where_seven_others_have_it(rooms):
    reviewed(rooms, region("1l", "Car", LEFT), CAR, edited=20, image="/data/upload/1/1.jpg")
    index(rooms.references, 1)

    assert is_waiting(rooms)
    open_tasks.label_tasks(rooms.taxonomies, 1)
    assert shown(rooms, 2) == (["Car"],) * 2


def test_a_reference_that_came_while_the_last_pass_ran_does_not_stand_for_a_corrected_one(rooms):
    passes = rooms.taxonomies.passes
    name_a_person(rooms, 18)
    open_tasks.label_tasks(rooms.taxonomies, 1)
    last = passes.last(1)
    name_a_person(rooms, 19)
    now = datetime.now(UTC)
    passes.replace(1, replace(last, seconds=(now - last.ended_at).total_seconds() + last.seconds, ended_at=now))
    assert not is_waiting(rooms)

    reviewed(rooms, region("1l", "Car", LEFT), CAR, edited=20, image="/data/upload/1/1.jpg")
    index(rooms.references, 1)

    assert is_waiting(rooms)


def test_a_pass_of_an_older_installation_which_has_no_count_is_repeated_once(rooms):
    passes = rooms.taxonomies.passes
    last = passes.last(1)
    passes.replace(1, replace(last, state=last.state.rpartition(" ")[0]))

    assert is_waiting(rooms)
    open_tasks.label_tasks(rooms.taxonomies, 1)
    assert not is_waiting(rooms)
