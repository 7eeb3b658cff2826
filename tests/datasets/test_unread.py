"""From an event to a dataset: what is drawn otherwise than as a box is in it as one, or its image is left out."""

from dataclasses import replace

import pytest

from loop.datasets.assemble import assemble
from loop.outbox import Outbox
from loop.training.after_reviews import review
from tests.builders import created, kinds, served
from tests.builders import region as box_of
from tests.datasets.builders import photo
from tests.label_studio.builders import SHAPES, brush, polygon, rectangle


@pytest.fixture
def told(parts, server):
    """Let events of reviews of pictures come, and work on them."""
    folder, url = server
    parts.projects.save(1, "Cars", SHAPES)
    parts = replace(parts, outbox=Outbox(parts.engine, ["http://one.example/"]))

    def take(task, *results):
        (folder / f"{task}.jpg").write_bytes(photo(task))
        event = created(*results, annotation=task, task=task)
        event["task"]["data"]["image"] = f"{url}/{task}.jpg"
        parts.predictions.append([served(box_of(f"p{task}"), task=task, image=f"{url}/{task}.jpg")])
        parts.events.append(1, event["action"], event)
        review(parts, 1)
        return parts

    return take


def lines_of(snapshot, task):
    (path,) = snapshot.folder.glob(f"labels/*/task-{task:08d}.txt")
    return path.read_text().splitlines()


def test_a_polygon_beside_a_box_is_in_the_dataset_as_a_box(told):
    for task in range(1, 6):
        told(task, rectangle("auto"))

    parts = told(6, rectangle("Person", x=60), polygon())

    assert len(lines_of(assemble(parts, 1), 6)) == 2
    assert [str(one.decision) for one in parts.rates.judged(1) if one.task_id == 6] == ["corrected", "missed"]


def test_the_image_of_an_unread_review_is_in_no_dataset_and_is_named(told):
    for task in range(1, 6):
        told(task, rectangle("auto"))

    parts = told(6, rectangle("Person"), brush())

    snapshot = assemble(parts, 1)
    assert 6 not in {item.task for item in snapshot.items()}
    assert snapshot.report["left_out"] == {"something was drawn that is not read as a box": [6]}
    assert snapshot.report["causes"]["6"].startswith("annotation 6 result[1]: a brush stroke is not read: its code")
    assert not [one for one in parts.rates.judged(1) if one.task_id == 6]
    assert kinds(parts)[-1][1]["unread"] == [snapshot.report["causes"]["6"]]


def test_an_image_whose_only_box_has_no_extent_is_no_background(told):
    for task in range(1, 6):
        told(task, rectangle("auto"))

    parts = told(6, rectangle("Person", width=0))

    assert assemble(parts, 1).report["left_out"] == {"none of its boxes has an extent": [6]}
