"""A review of which something is not read: it judges nothing, teaches nothing, and is named until it is read."""

from contextlib import closing
from datetime import timedelta

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from loop.datasets.survey import read_counted
from loop.installation.checks_reviews import reviews as check_reviews
from loop.settings import Settings
from loop.storage.database import migrate
from loop.training.after_reviews import sync
from loop.wiring import build
from tests.builders import NOON, created, ls_annotation, ls_task, region, served
from tests.fakes import FakeImages, FakeQueue
from tests.label_studio.builders import SHAPES, bare, brush, polygon, rectangle, tag
from tests.label_studio.fakes import StudioModel
from tests.reviews.builders import take
from tests.swap import swap

SEEN = region("p", at=region().box)


@pytest.fixture
def rooms(rooms):
    rooms = swap(rooms, (rooms.studio.client, StudioModel(1)))
    rooms.studio.projects.save(1, "Cars", SHAPES)
    rooms.studio.client.fields["label_config"] = SHAPES
    rooms.studio.client.clock += timedelta(hours=1)  # a sweep that has read the task reads it no more
    rooms.serving.predictions.append([served(SEEN)])
    return rooms


def decisions(rooms):
    return sorted(str(one.decision) for one in rooms.rates.store.read_verdicts(1))


@pytest.mark.parametrize(
    "results",
    [
        pytest.param([polygon(points=[(10, 10), (40, 10), (40, 40), (10, 40)])], id="polygon"),
        pytest.param([bare("z"), tag(name="z")], id="rectangle-with-labels"),
        pytest.param([rectangle(name="p", x=40, width=-30, y=40, height=-30)], id="negative-size"),
        pytest.param([rectangle("auto", name="p"), rectangle("Person", to_name="ir", name="q")], id="two-images"),
    ],
)
def test_an_object_that_is_drawn_otherwise_is_no_false_positive(rooms, results):
    take(rooms, created(*results))

    assert decisions(rooms) in (["confirmed"], ["corrected"])
    assert len(dict(read_counted(rooms.datasets, 1))[1].review.regions) == 1


def test_a_review_with_a_brush_stroke_of_our_label_judges_nothing_and_is_named(rooms):
    take(rooms, created(rectangle(name="p")))
    assert decisions(rooms) == ["confirmed"]

    take(rooms, created(brush(), edited=5))

    assert decisions(rooms) == []
    assert not dict(read_counted(rooms.datasets, 1))
    assert not rooms.reviews.store.find_counted(1)
    assert rooms.reviews.store.new_since(1, None) == 0
    (finding,) = check_reviews(rooms.installation, rooms.studio.projects.get(1))
    assert "task 1: annotation 1 result[0]: a brush stroke is not read" in finding.found


def test_an_older_review_of_the_task_does_not_take_its_place(rooms):
    take(rooms, created(rectangle(name="p")), created(brush(), annotation=2, minutes=9))

    assert decisions(rooms) == []
    assert list(rooms.reviews.store.find_unread(1)) == [1]


def test_a_ground_truth_counts_before_a_later_review_that_is_unread(rooms):
    take(rooms, created(rectangle(name="p"), ground_truth=True), created(brush(), annotation=2, minutes=9))

    assert decisions(rooms) == ["confirmed"]
    assert not rooms.reviews.store.find_unread(1)


def test_an_unread_skip_is_a_skip(rooms):
    take(rooms, created(brush(), was_cancelled=True))

    assert not rooms.reviews.store.find_unread(1)


@pytest.mark.parametrize("is_told", [True, False], ids=["told-by-an-event", "found-by-the-sweep"])
def test_a_label_that_is_added_later_makes_its_reviews_readable(rooms, is_told):
    event = created(rectangle(name="p"), rectangle("Plane", x=60, name="q"))
    rooms.studio.client.tasks = [ls_task(1, annotations=[event["annotation"]])]
    take(rooms, event)
    sync(rooms.trainings, 1)
    assert list(rooms.reviews.store.find_unread(1)) == [1]
    rooms.studio.client.fields["label_config"] = SHAPES.replace('<Label value="Person"/>', '<Label value="Plane"/>', 1)

    if is_told:
        take(rooms, {"action": "PROJECT_UPDATED", "project": {**rooms.studio.client.fields}})
        assert rooms.studio.projects.get(1).synced_until is None
    sync(rooms.trainings, 1)

    assert not rooms.reviews.store.find_unread(1)
    assert decisions(rooms) == ["confirmed", "missed"]


def test_a_config_that_reads_alike_has_nothing_read_again(rooms):
    sync(rooms.trainings, 1)
    moment = rooms.studio.projects.get(1).synced_until

    rooms.studio.projects.save(1, "Cars", SHAPES.replace("<View>", "<View><Header value='Look well'/>"))

    assert rooms.studio.projects.get(1).synced_until == moment


def test_a_config_that_cannot_work_leaves_the_one_before_in_force(rooms):
    rooms.studio.client.fields["label_config"] = SHAPES.replace('value="$image"', 'valueList="$images"')

    sync(rooms.trainings, 1)

    assert rooms.studio.projects.get(1).label_config == SHAPES


def test_records_of_before_are_read_again_by_the_first_sweep_after_an_upgrade(tmp_path):
    """The polygon had been no region, so the box on it had been a false positive."""
    url = f"sqlite:///{tmp_path}/loop.sqlite3"
    old = Config(attributes={"url": url})
    old.set_main_option("script_location", "loop:storage/migrations")
    command.upgrade(old, "0001")
    _write_as_before(url)

    migrate(url)

    with closing(build(Settings.read({"LOOP_HOME": str(tmp_path)}))) as built:
        annotation = ls_annotation(polygon(points=[(10, 10), (40, 10), (40, 40), (10, 40)]))
        studio = StudioModel(0)
        studio.tasks = [ls_task(1, annotations=[annotation])]
        studio.fields["label_config"] = SHAPES
        rooms = swap(
            built, (built.studio.client, studio), (built.queue, FakeQueue()), (built.vision.images, FakeImages())
        )
        assert decisions(rooms) == ["false_positive"]
        sync(rooms.trainings, 1)
        assert decisions(rooms) == ["corrected"]
        assert len(rooms.reviews.store.find_counted(1)[1].review.regions) == 1


def _write_as_before(url):
    """A project with a task whose review was read without its polygon, in the tables of that time."""
    box = {"id": "p", "box": [0.1, 0.1, 0.4, 0.4], "label": "Car"}
    rows = {
        "projects": {"id": 1, "title": "Cars", "label_config": SHAPES, "connected_at": NOON, "synced_until": NOON}
        | {"refresh_asked": 0, "refresh_done": 0, "policy": {}, "shadow_share": 0.0, "is_shadow_shown": False},
        "reviews": {"project_id": 1, "annotation_id": 1, "created_at": NOON, "updated_at": NOON, "recorded_at": NOON}
        | {"task_id": 1, "unique_id": "", "data": {"image": "/data/upload/1/a.jpg"}, "regions": []}
        | {"is_skipped": False, "is_ground_truth": False, "is_unseen": False},
        "predictions": {"id": 1, "project_id": 1, "task_id": 1, "image": "/data/upload/1/a.jpg", "regions": [box]}
        | {"version": "yolo_detector@1.0.0", "candidates": [], "threshold": 0.25, "score": 0.5, "stream": "queue"}
        | {"propensity": 0.05, "execution": "", "is_shadow": False, "served_at": NOON - timedelta(hours=1)},
        "verdicts": {"project_id": 1, "task_id": 1, "annotation_id": 1, "prediction_id": 1, "stream": "queue"}
        | {"version": "yolo_detector@1.0.0", "propensity": 0.05, "execution": "", "is_shadow": False, "position": 0}
        | {"decision": "false_positive", "is_moved": False, "is_relabelled": False, "predicted": box}
        | {"reviewed_at": NOON},
        "classes": {"project_id": 1, "class_id": 0, "name": "Car", "is_retired": False},
    }
    engine = sa.create_engine(url)
    metadata = sa.MetaData()
    metadata.reflect(engine)
    with engine.begin() as connection:
        for table, row in rows.items():
            connection.execute(metadata.tables[table].insert().values(**row))
    engine.dispose()
