"""A review of which something is not read: it judges nothing, teaches nothing, and is named until it is read."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from loop.datasets.assemble import counted
from loop.installation.checks_reviews import reviews as check_reviews
from loop.settings import Settings
from loop.storage.database import migrate
from loop.training.after_reviews import review, sync
from loop.wiring import build
from tests.builders import NOON, created, ls_annotation, ls_task, region, served
from tests.fakes import FakeImages, FakeQueue
from tests.label_studio.builders import SHAPES, bare, brush, polygon, rectangle, tag
from tests.label_studio.fakes import StudioModel

SEEN = region("p", at=region().box)


@pytest.fixture
def parts(parts):
    parts = replace(parts, label_studio=StudioModel(1))
    parts.projects.save(1, "Cars", SHAPES)
    parts.label_studio.fields["label_config"] = SHAPES
    parts.label_studio.clock += timedelta(hours=1)  # a sweep that has read the task reads it no more
    parts.predictions.append([served(SEEN)])
    return parts


def take(parts, *events):
    for event in events:
        parts.events.append(1, event["action"], event)
    return review(parts, 1)


def decisions(parts):
    return sorted(str(one.decision) for one in parts.rates.judged(1))


@pytest.mark.parametrize(
    "results",
    [
        pytest.param([polygon(points=[(10, 10), (40, 10), (40, 40), (10, 40)])], id="polygon"),
        pytest.param([bare("z"), tag(name="z")], id="rectangle-with-labels"),
        pytest.param([rectangle(name="p", x=40, width=-30, y=40, height=-30)], id="negative-size"),
        pytest.param([rectangle("auto", name="p"), rectangle("Person", to_name="ir", name="q")], id="two-images"),
    ],
)
def test_an_object_that_is_drawn_otherwise_is_no_false_positive(parts, results):
    take(parts, created(*results))

    assert decisions(parts) in (["confirmed"], ["corrected"])
    assert len(dict(counted(parts, 1))[1].review.regions) == 1


def test_a_review_with_a_brush_stroke_of_our_label_judges_nothing_and_is_named(parts):
    take(parts, created(rectangle(name="p")))
    assert decisions(parts) == ["confirmed"]

    take(parts, created(brush(), edited=5))

    assert decisions(parts) == []
    assert not dict(counted(parts, 1))
    assert not parts.reviews.counted(1)
    assert parts.reviews.new_since(1, None) == 0
    (finding,) = check_reviews(parts, parts.projects.get(1))
    assert "task 1: annotation 1 result[0]: a brush stroke is not read" in finding.found


def test_an_older_review_of_the_task_does_not_take_its_place(parts):
    take(parts, created(rectangle(name="p")), created(brush(), annotation=2, minutes=9))

    assert decisions(parts) == []
    assert list(parts.reviews.unread(1)) == [1]


def test_a_ground_truth_counts_before_a_later_review_that_is_unread(parts):
    take(parts, created(rectangle(name="p"), ground_truth=True), created(brush(), annotation=2, minutes=9))

    assert decisions(parts) == ["confirmed"]
    assert not parts.reviews.unread(1)


def test_an_unread_skip_is_a_skip(parts):
    take(parts, created(brush(), was_cancelled=True))

    assert not parts.reviews.unread(1)


@pytest.mark.parametrize("is_told", [True, False], ids=["told-by-an-event", "found-by-the-sweep"])
def test_a_label_that_is_added_later_makes_its_reviews_readable(parts, is_told):
    event = created(rectangle(name="p"), rectangle("Plane", x=60, name="q"))
    parts.label_studio.tasks = [ls_task(1, annotations=[event["annotation"]])]
    take(parts, event)
    sync(parts, 1)
    assert list(parts.reviews.unread(1)) == [1]
    parts.label_studio.fields["label_config"] = SHAPES.replace('<Label value="Person"/>', '<Label value="Plane"/>', 1)

    if is_told:
        take(parts, {"action": "PROJECT_UPDATED", "project": {**parts.label_studio.fields}})
        assert parts.projects.get(1).synced_until is None
    sync(parts, 1)

    assert not parts.reviews.unread(1)
    assert decisions(parts) == ["confirmed", "missed"]


def test_a_config_that_reads_alike_has_nothing_read_again(parts):
    sync(parts, 1)
    moment = parts.projects.get(1).synced_until

    parts.projects.save(1, "Cars", SHAPES.replace("<View>", "<View><Header value='Look well'/>"))

    assert parts.projects.get(1).synced_until == moment


def test_a_config_that_cannot_work_leaves_the_one_before_in_force(parts):
    parts.label_studio.fields["label_config"] = SHAPES.replace('value="$image"', 'valueList="$images"')

    sync(parts, 1)

    assert parts.projects.get(1).label_config == SHAPES


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
        parts = replace(built, label_studio=studio, queue=FakeQueue(), images=FakeImages())
        assert decisions(parts) == ["false_positive"]
        sync(parts, 1)
        assert decisions(parts) == ["corrected"]
        assert len(parts.reviews.counted(1)[1].review.regions) == 1


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
