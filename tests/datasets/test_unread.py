"""From an event to a dataset: what is drawn otherwise than as a box is in it as one, or its image is left out."""

import pytest

from loop.datasets.assemble import assemble
from loop.notices import Outbox
from loop.training.after_reviews import review
from tests.builders import created, posted_notices, served
from tests.builders import region as box_of
from tests.datasets.builders import photo
from tests.label_studio.builders import SHAPES, brush, polygon, rectangle
from tests.swap import swap


@pytest.fixture
def record(rooms, server):
    """Let events of reviews of pictures come, and work on them."""
    folder, url = server
    rooms.studio.projects.save(1, "Cars", SHAPES)
    rooms = swap(rooms, (rooms.outbox, Outbox(rooms.engine, ["http://one.example/"])))

    def take(task, *results):
        (folder / f"{task}.jpg").write_bytes(photo(task))
        event = created(*results, annotation=task, task=task)
        event["task"]["data"]["image"] = f"{url}/{task}.jpg"
        rooms.serving.predictions.append([served(box_of(f"p{task}"), task=task, image=f"{url}/{task}.jpg")])
        rooms.reviews.events.append(1, event["action"], event)
        review(rooms.trainings, 1)
        return rooms

    return take


def lines_of(snapshot, task):
    (path,) = snapshot.folder.glob(f"labels/*/task-{task:08d}.txt")
    return path.read_text().splitlines()


def test_a_polygon_beside_a_box_is_in_the_dataset_as_a_box(record):
    for task in range(1, 6):
        record(task, rectangle("auto"))

    rooms = record(6, rectangle("Person", x=60), polygon())

    assert len(lines_of(assemble(rooms.datasets, 1), 6)) == 2
    assert [str(one.decision) for one in rooms.rates.store.read_verdicts(1) if one.task_id == 6] == [
        "corrected",
        "missed",
    ]


def test_the_image_of_an_unread_review_is_in_no_dataset_and_is_named(record):
    for task in range(1, 6):
        record(task, rectangle("auto"))

    rooms = record(6, rectangle("Person"), brush())

    snapshot = assemble(rooms.datasets, 1)
    assert 6 not in {item.task for item in snapshot.items()}
    assert snapshot.report["left_out"] == {"something was drawn that is not read as a box": [6]}
    assert snapshot.report["causes"]["6"].startswith("annotation 6 result[1]: a brush stroke is not read: its code")
    assert not [one for one in rooms.rates.store.read_verdicts(1) if one.task_id == 6]
    assert posted_notices(rooms)[-1][1]["unread"] == [snapshot.report["causes"]["6"]]


def test_an_image_whose_only_box_has_no_extent_is_no_background(record):
    for task in range(1, 6):
        record(task, rectangle("auto"))

    rooms = record(6, rectangle("Person", width=0))

    assert assemble(rooms.datasets, 1).report["left_out"] == {"none of its boxes has an extent": [6]}
