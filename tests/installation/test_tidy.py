"""Events and notices are removed when nothing needs them any more; every kind has its rule and its time."""

import itertools
import re
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from loop import jobs
from loop.cli.running import list_schedule
from loop.errors import LoopError
from loop.installation.tidy import KINDS, tidy
from loop.notices import NoticeKind, Outbox
from loop.settings import Settings
from loop.storage.exchange_tables import deliveries, notices
from loop.storage.tables import events, metadata, predictions
from tests.builders import CONFIG, LONG_AGO, created, ls_region, read_rows, region, served, set_all
from tests.fakes import FakeLabelStudio, FreeQueue
from tests.reviews.builders import take
from tests.swap import swap

PAGE = (Path(__file__).parents[2] / "docs" / "retention.md").read_text()
NOW = datetime.now(UTC)


@pytest.fixture
def rooms(rooms):
    return swap(rooms, (rooms.queue, FreeQueue()))


def test_the_page_has_every_kind_with_its_setting_and_default():
    table = re.findall(r"^\| (\w+) \| .*? \| `(LOOP_\w+)` \| (\d+) \|", PAGE, re.MULTILINE)

    settings = Settings()
    fields = {kind: f"{kind.removesuffix('s')}_days" for kind in KINDS}
    assert table == [
        (kind, Settings.variables()[field], str(getattr(settings, field))) for kind, field in fields.items()
    ]


def test_the_page_has_a_rule_for_each_table_of_the_records():
    section = PAGE.partition("## Each table of the records")[2].partition("\n## ")[0]
    first_cells = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)

    assert sorted(re.findall(r"`(\w+)`", " ".join(first_cells))) == sorted(metadata.tables)


def test_every_kind_has_its_own_setting(rooms):
    kept = asdict(rooms.installation.retention)

    assert kept.keys() == {*KINDS, "weights"}


def test_the_schedule_has_it():
    assert jobs.tidy in [job for job, _ in list_schedule(Settings())]


def test_a_kind_that_fails_holds_no_other_up(rooms):
    take(rooms, created(ls_region(), annotation=1), created(ls_region(), annotation=2))
    set_all(rooms, events, processed_at=LONG_AGO)

    class Down(FakeLabelStudio):
        def named_tasks(self, project_id, task_ids):
            raise LoopError("no answer")

    for version in "ab":
        rooms.serving.predictions.append(
            [replace(served(region(version), task=5, version=version), served_at=LONG_AGO)]
        )
    line = tidy(swap(rooms, (rooms.studio.client, Down())).installation)

    assert line == "removed: events 1, notices 0, predictions failed, runs 0, snapshots 0, images 0, weights 0"


def test_a_project_that_label_studio_no_longer_has_holds_no_other_up(rooms):
    rooms.studio.projects.save(2, "Cars", CONFIG)
    for project, version in itertools.product((1, 2), "ab"):
        entry = replace(served(region(version), task=5, version=version), project_id=project, served_at=LONG_AGO)
        rooms.serving.predictions.append([entry])

    class WithoutFirst(FakeLabelStudio):
        def named_tasks(self, project_id, task_ids):
            if project_id == 1:
                raise LoopError("no project 1")
            return super().named_tasks(project_id, task_ids)

    line = tidy(swap(rooms, (rooms.studio.client, WithoutFirst())).installation)

    assert "predictions failed," in line
    dropped = {row.project_id for row in read_rows(rooms, predictions) if row.dropped_at}
    assert dropped == {2}


def test_old_processed_events_go_and_the_newest_of_each_action_stays(rooms):
    take(rooms, *(created(ls_region(), annotation=number) for number in (1, 2, 3)))
    rooms.reviews.events.append(1, "ANNOTATION_CREATED", created(ls_region(), annotation=4))
    with rooms.reviews.events.engine.begin() as connection:
        connection.execute(events.update().where(events.c.id < 4).values(processed_at=LONG_AGO))

    tidy(rooms.installation)

    assert {row.id for row in read_rows(rooms, events)} == {3, 4}


def test_young_events_and_events_that_are_set_aside_stay_until_dismissed(rooms):
    take(rooms, *(created(ls_region(), annotation=number) for number in (1, 2, 3)))
    with rooms.reviews.events.engine.begin() as connection:
        connection.execute(events.update().where(events.c.id == 1).values(processed_at=LONG_AGO, error="why"))

    tidy(rooms.installation)
    assert {row.id for row in read_rows(rooms, events)} == {1, 2, 3}

    rooms.reviews.events.dismiss(1)
    tidy(rooms.installation)
    assert {row.id for row in read_rows(rooms, events)} == {2, 3}


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.booleans(), st.booleans(), st.booleans(), st.booleans()), max_size=8)
)
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_events_there_are_none_that_waits_or_overtakes_is_missed(rooms, kinds):
    with rooms.engine.begin() as connection:
        connection.execute(events.delete())
        for number, (action, is_processed, is_old, is_set_aside, is_dismissed) in enumerate(kinds, start=1):
            moment = LONG_AGO if is_old else NOW
            values = {
                "processed_at": moment if is_processed else None,
                "error": "why" if is_processed and is_set_aside else None,
                "dismissed_at": moment if is_processed and is_set_aside and is_dismissed else None,
            }
            common = {"id": number, "key": str(number), "project_id": 1, "payload": {}, "received_at": moment}
            connection.execute(events.insert().values(**common, action=action, **values))
    store = rooms.reviews.events

    def needed():
        waiting = [*store.pending(1), *(one.event for one in store.find_set_aside(1))]
        return {(one.id, store.is_overtaken(one)) for one in waiting}

    before, young = needed(), {row.id for row in read_rows(rooms, events) if row.received_at > LONG_AGO}
    tidy(rooms.installation)

    assert needed() == before
    assert young <= {row.id for row in read_rows(rooms, events)}


def test_old_notices_lose_their_content_and_are_not_posted_twice(rooms):
    outbox = Outbox(rooms.engine, ["http://one.example/"])
    rooms = swap(rooms, (rooms.outbox, outbox))
    outbox.post(1, NoticeKind.MODEL_PROMOTED, "a", {"version": "v"})
    outbox.record(outbox.last()[0], status=200, error=None)
    set_all(rooms, notices, created_at=LONG_AGO)

    tidy(rooms.installation)

    assert read_rows(rooms, deliveries) == []
    assert [row.body for row in read_rows(rooms, notices)] == [{}]
    assert outbox.has(1, NoticeKind.MODEL_PROMOTED, "a")
    assert not outbox.post(1, NoticeKind.MODEL_PROMOTED, "a", {"version": "v"})


@pytest.mark.parametrize(
    ("kind", "is_due", "moment"),
    [
        pytest.param(NoticeKind.REVIEW_RECORDED, True, LONG_AGO, id="due-to-a-receiver"),
        pytest.param(NoticeKind.REVIEW_RECORDED, False, NOW, id="young"),
        pytest.param(NoticeKind.RATES_ALERT, False, LONG_AGO, id="alert-that-the-rates-show"),
    ],
)
def test_notices_that_are_needed_stay(rooms, kind, is_due, moment):
    outbox = Outbox(rooms.engine, ["http://one.example/"])
    rooms = swap(rooms, (rooms.outbox, outbox))
    outbox.post(1, kind, "a", {"task": 1})
    if not is_due:
        outbox.record(outbox.last()[0], status=200, error=None)
    set_all(rooms, notices, created_at=moment)
    before = outbox.last()

    tidy(rooms.installation)

    assert outbox.last() == before


def test_a_receiver_that_is_no_more_keeps_nothing(rooms):
    Outbox(rooms.engine, ["http://gone.example/"]).post(1, NoticeKind.REVIEW_RECORDED, "a", {"task": 1})
    set_all(rooms, notices, created_at=LONG_AGO)

    tidy(rooms.installation)

    assert read_rows(rooms, deliveries) == []
