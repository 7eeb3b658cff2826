"""The event log."""

import pytest
import sqlalchemy as sa

from loop.secrecy import redact_json
from tests.builders import created, ls_region


def test_an_event_is_appended_once(rooms):
    event = created(ls_region())

    assert rooms.reviews.events.append(1, event["action"], event)
    assert not rooms.reviews.events.append(1, event["action"], event)
    assert len(rooms.reviews.events.pending(1)) == 1


@pytest.mark.sqlite
def test_an_event_is_recorded_in_one_call_of_sqlite(rooms):
    statements, event = [], created(ls_region())
    engine = rooms.reviews.events.engine
    sa.event.listen(engine, "checkout", lambda connection, *_: connection.set_trace_callback(statements.append))

    rooms.reviews.events.append(1, event["action"], event)

    assert sum(statement.startswith("INSERT INTO events") for statement in statements) == 1
    assert not [statement for statement in statements if statement.startswith(("BEGIN", "COMMIT"))]


def test_events_that_differ_in_what_is_not_kept_are_two(rooms):
    one, other = ({"action": "TASKS_CREATED", "tasks": [{"id": task}]} for task in (1, 2))

    assert rooms.reviews.events.append(1, "TASKS_CREATED", one)
    assert rooms.reviews.events.append(1, "TASKS_CREATED", other)
    assert not rooms.reviews.events.append(1, "TASKS_CREATED", other)


def test_the_same_event_of_two_projects_is_two(rooms):
    event = created(ls_region())

    assert rooms.reviews.events.append(1, event["action"], event)
    assert rooms.reviews.events.append(2, event["action"], event)


def test_credentials_are_never_stored():
    payload = {"project": {"token": "s", "task_data_password": "s", "title": "Cars"}, "tasks": [{"api_key": "s"}]}

    assert redact_json(payload) == {
        "project": {"token": "[redacted]", "task_data_password": "[redacted]", "title": "Cars"},
        "tasks": [{"api_key": "[redacted]"}],
    }
