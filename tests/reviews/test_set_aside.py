"""One event, annotation or task of unforeseen form is set aside with its reason; everything else goes on."""

import json

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.delivery import NoticeSender, deliver
from loop.errors import UnknownProject
from loop.installation.checks_machine import notices
from loop.notices import DeliveryState, Outbox
from loop.storage.tables import projects
from loop.training.after_reviews import review, sync
from tests.builders import CONFIG, NOON, created, ls_annotation, ls_region, ls_task, region, served
from tests.http_servers import receiver
from tests.label_studio.fakes import StudioModel
from tests.reviews.builders import decisions, take
from tests.reviews.fakes import Failing
from tests.swap import swap

UNFORESEEN = [
    pytest.param({"parent_prediction": {"id": 7}}, id="parent-an-object"),
    pytest.param({"parent_prediction": 2**63}, id="parent-too-large"),
    pytest.param({"id": 2**63}, id="id-too-large"),
    pytest.param({"id": -1}, id="id-negative"),
    pytest.param({"id": True}, id="id-a-bool"),
    pytest.param({"task": 2**63}, id="task-too-large"),
    pytest.param({"created_at": "9999-12-31T23:59:59-12:00"}, id="year-10000"),
    pytest.param({"updated_at": "0001-01-01T00:00:00+14:00"}, id="year-0"),
    pytest.param({"unique_id": "\ud800"}, id="surrogate"),
]


@pytest.mark.parametrize("fields", UNFORESEEN)
def test_an_event_of_unforeseen_form_is_set_aside_and_the_others_are_worked_on(rooms, fields):
    rooms.serving.predictions.append([served(region("p"), task=task) for task in (1, 3)])
    bad = created(ls_region("p"), annotation=2, task=2) | {}
    bad["annotation"] |= fields

    line = take(
        rooms, created(ls_region("p")), bad, created(ls_region("p", label="Person"), annotation=3, task=3, minutes=1)
    )

    assert decisions(rooms) == [(1, "confirmed"), (3, "corrected")]
    assert not rooms.reviews.events.pending(1)
    (aside,) = rooms.reviews.events.find_set_aside(1)
    assert next(iter(fields)) in aside.error
    assert line == "3 events, 1 set aside: see `loop events`"


@pytest.mark.parametrize("fields", UNFORESEEN)
def test_of_a_bulk_event_only_the_bad_annotation_is_set_aside(rooms, fields):
    annotations = [ls_annotation(ls_region(), annotation=number, task=number) for number in (1, 2, 3)]
    annotations[1] |= fields

    take(rooms, {"action": "ANNOTATIONS_CREATED", "annotation": annotations, "task": [ls_task(1), 7, {"id": {}}]})

    assert list(rooms.reviews.store.find_counted(1)) == [1, 3]
    assert len(rooms.reviews.events.find_set_aside(1)) == 1


def test_a_deletion_takes_those_that_it_names_by_an_id(rooms):
    take(rooms, *(created(ls_region(), annotation=number, task=number) for number in (1, 2)))

    take(rooms, {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": "x"}, 7, {"id": 2**63}, {"id": 1}, None]})

    assert list(rooms.reviews.store.find_counted(1)) == [2]
    (aside,) = rooms.reviews.events.find_set_aside(1)
    assert "expected objects with an id, found [{'id': 'x'}, 7, {'id': 9223372036854775808}, None]" in aside.error


def test_a_deletion_of_more_than_a_query_may_name_is_done(rooms):
    take(rooms, *(created(ls_region(), annotation=number, task=number) for number in (1, 2)))

    take(rooms, {"action": "TASKS_DELETED", "tasks": [{"id": number} for number in range(2, 40_002)]})

    assert list(rooms.reviews.store.find_counted(1)) == [1]
    assert not rooms.reviews.events.find_set_aside(1)


def test_records_that_are_locked_set_no_event_aside(rooms, monkeypatch):
    event = created(ls_region())
    rooms.reviews.events.append(1, event["action"], event)
    locked = sa.exc.OperationalError("INSERT", {}, Exception("database is locked"))
    broken = swap(rooms, (rooms.reviews.store, Failing(rooms.reviews.store, "record", locked)))

    with pytest.raises(sa.exc.OperationalError):
        review(broken.trainings, 1)

    assert len(rooms.reviews.events.pending(1)) == 1
    assert review(rooms.trainings, 1) == "1 events"


def test_the_events_of_a_project_that_is_not_connected_wait_until_it_is(rooms):
    rooms.reviews.events.append(9, "START_TRAINING", {"project": {"id": 9}})

    with pytest.raises(UnknownProject):
        review(rooms.trainings, 9)

    assert len(rooms.reviews.events.pending(9)) == 1
    assert not rooms.trainings.store.open(9)


def test_events_set_aside_are_worked_on_again_when_asked(rooms):
    event = created(ls_region())
    rooms.reviews.events.append(1, event["action"], event)
    broken = swap(rooms, (rooms.reviews.store, Failing(rooms.reviews.store, "record", KeyError("a bug of ours"))))
    review(broken.trainings, 1)
    assert not rooms.reviews.store.find_counted(1)

    assert rooms.reviews.events.retry(1) == 1
    review(rooms.trainings, 1)

    assert list(rooms.reviews.store.find_counted(1)) == [1]
    assert not rooms.reviews.events.find_set_aside(1)


def test_an_old_label_config_that_is_worked_on_again_does_not_replace_a_newer_one(rooms):
    old = {"action": "PROJECT_UPDATED", "project": {"id": 1, "title": "Old", "label_config": CONFIG}}
    new = {"action": "PROJECT_UPDATED", "project": {"id": 1, "title": "New", "label_config": CONFIG}}
    rooms.reviews.events.append(1, old["action"], old)
    review(
        swap(
            rooms, (rooms.studio.projects, Failing(rooms.studio.projects, "save", KeyError("a bug of ours")))
        ).trainings,
        1,
    )
    take(rooms, new)

    rooms.reviews.events.retry(1)
    review(rooms.trainings, 1)

    assert rooms.studio.projects.get(1).title == "New"


def test_a_label_config_that_cannot_be_read_costs_no_review(rooms):
    with rooms.engine.begin() as connection:
        connection.execute(projects.update().values(label_config="<View/>"))

    take(rooms, created(ls_region()))

    assert "label_config: expected RectangleLabels" in rooms.reviews.store.find_unread(1)[1].review.unread[0].text
    assert not rooms.reviews.events.pending(1)
    assert "label_config" in rooms.reviews.set_aside.all(1)[0].error

    rooms.studio.projects.save(1, "Cars", CONFIG)
    studio = StudioModel(0)
    studio.tasks = [ls_task(1, annotations=[ls_annotation(ls_region())])]
    sync(swap(rooms, (rooms.studio.client, studio)).trainings, 1)

    assert list(rooms.reviews.store.find_counted(1)) == [1]
    assert not rooms.reviews.set_aside.all(1)


def test_the_commands_list_retry_and_dismiss(rooms, settings, monkeypatch):
    monkeypatch.setenv("LOOP_HOME", str(settings.home))
    monkeypatch.setenv("LOOP_REDIS_URL", "redis://127.0.0.1:1")
    take(rooms, created(ls_region(), annotation=2**63), created(ls_region(), annotation=2**63 + 1))
    run = CliRunner().invoke

    listed = json.loads(run(app, ["events", "--json"]).output)
    assert [one["id"] for one in listed] == [2, 1]
    assert listed[0]["payload"]["annotation"]["id"] == 2**63 + 1

    assert run(app, ["events", "dismiss", "2", "--project", "1"]).output.startswith("1 events are dismissed\nnext: ")
    assert "ANNOTATION_CREATED" in run(app, ["events"]).output
    assert run(app, ["events", "retry", "--project", "1"]).output.startswith("1 events wait for the sweep: Redis")
    assert [one.id for one in rooms.reviews.events.pending(1)] == [1]
    assert run(app, ["events"]).output == "no event is set aside\n"


def test_events_too_large_to_be_in_memory_together_are_worked_on_one_after_another(rooms, monkeypatch):
    monkeypatch.setattr("loop.reviews.event_store.MOST_CHARACTERS", 100)
    for number in (1, 2, 3):
        event = created(ls_region(), annotation=number, task=number)
        rooms.reviews.events.append(1, event["action"], event)

    assert len(rooms.reviews.events.pending(1)) == 1
    assert review(rooms.trainings, 1) == "3 events, training asked for"


def test_ids_have_64_bits_in_every_database():
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateTable

    from loop.storage.tables import metadata

    ids = ("project_id", "task_id", "annotation_id", "object_id", "annotator", "parent_prediction")
    for table in metadata.sorted_tables:
        text = str(CreateTable(table).compile(dialect=postgresql.dialect()))
        for name in ids:
            assert f"\t{name} INTEGER" not in text, (table.name, name)


def test_no_review_is_lost_to_a_review_far_away_in_time(rooms):
    take(
        rooms,
        created(
            ls_region(), annotation=1, task=1, created_at="0001-01-01T00:00:00Z", updated_at="9999-12-31T23:59:59Z"
        ),
        created(ls_region(), annotation=2, task=2),
    )

    assert list(rooms.reviews.store.find_counted(1)) == [1, 2]
    assert rooms.reviews.store.find_counted(1)[2].review.created_at == NOON


def test_a_notice_that_cannot_be_sent_is_given_up_and_told_and_the_others_are_sent(rooms):
    class Clumsy(NoticeSender):
        async def send(self, notice, url):
            if notice.kind == "bad":
                raise TypeError("a form that nobody thought of")
            return await super().send(notice, url)

    with receiver() as host:
        ours = swap(rooms, (rooms.outbox, Outbox(rooms.engine, [host.url])), (rooms.sender, Clumsy(lambda: "s3cret")))
        for kind in ("first", "bad", "last"):
            ours.outbox.post(1, kind, kind, {})

        line = deliver(ours.outbox, ours.sender)

    assert line == "2 delivered, 1 failed"
    assert sorted(json.loads(body)["kind"] for _, body in host.got) == ["first", "last"]
    (failed,) = ours.outbox.last(is_failed=True)
    assert (failed.state, failed.error) == (DeliveryState.GIVEN_UP, "TypeError: a form that nobody thought of")
    assert "a form that nobody thought of" in notices(ours.installation)[0].found
