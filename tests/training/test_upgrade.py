"""Trainings in records of before, whose state was the gate's outcome too."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from loop.gate.rule import GateOutcome
from loop.storage.database import connect, migrate
from loop.training.store import TrainingEnd, TrainingState, TrainingStore

STATES = ("promoted", "passed", "refused", "held", "failed", "cancelled", "asked")


@pytest.fixture
def url(tmp_path):
    """Records of the revision before, with a training of each state in project 1."""
    url = f"sqlite:///{tmp_path}/loop.sqlite3"
    command.upgrade(alembic_config(url), "0003")
    write_trainings(url, *({"id": number, "project_id": 1, "state": state} for number, state in enumerate(STATES)))
    return url


def alembic_config(url):
    config = Config(attributes={"url": url})
    config.set_main_option("script_location", "loop:storage/migrations")
    return config


def write_trainings(url, *rows):
    given = {"asked_by": "a test", "attempts": 1, "stalled": 0, "is_cancelled": False, "report": None}
    engine = connect(url)
    table = sa.Table("trainings", sa.MetaData(), sa.Column("report", sa.JSON), autoload_with=engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), [{**given, "asked_at": datetime.now(UTC), **row} for row in rows])
    engine.dispose()


def states(url):
    engine = connect(url)
    with engine.connect() as connection:
        stored = connection.execute(sa.text("select state from trainings order by id")).scalars().all()
    engine.dispose()
    return stored


@pytest.fixture
def store(url):
    migrate(url)
    engine = connect(url)
    yield TrainingStore(engine)
    engine.dispose()


def test_a_training_of_before_has_the_status_that_it_had(store):
    trainings = store.all(1)

    assert [training.status for training in trainings] == list(STATES)
    assert [training.as_json()["state"] for training in trainings] == list(STATES)


def test_the_state_of_a_training_of_before_is_that_of_the_job(store):
    trainings = store.all(1)

    assert [training.state for training in trainings[3:]] == ["ended", "failed", "cancelled", "asked"]
    assert [training.gate for training in trainings] == ["promoted", "promoted", "refused", "held", None, None, None]


KILLED = {
    "promoted": (TrainingState.ENDED, GateOutcome.PROMOTED, False),
    "passed": (TrainingState.ENDED, GateOutcome.PROMOTED, True),
    "refused": (TrainingState.ENDED, GateOutcome.REFUSED, False),
    "held": (TrainingState.ENDED, GateOutcome.HELD, False),
    "failed": (TrainingState.FAILED, None, False),
    "cancelled": (TrainingState.CANCELLED, None, False),
}


@pytest.mark.parametrize("status", KILLED)
def test_a_training_killed_before_the_upgrade_ends_as_it_was_recorded(url, status):
    recorded = {"state": status, "reason": "a reason", "version": "yolo_detector@1.0.0"}
    write_trainings(url, {"id": 99, "project_id": 2, "state": "running", "report": {"outcome": recorded}})

    migrate(url)

    engine = connect(url)
    (training,) = TrainingStore(engine).open(2)
    engine.dispose()
    state, gate, is_pinned = KILLED[status]
    assert training.status == "running"
    assert training.end == TrainingEnd(state, "a reason", "yolo_detector@1.0.0", gate, is_pinned)
    assert training.end.status == status


def test_an_upgrade_can_be_taken_back(url):
    migrate(url)

    command.downgrade(alembic_config(url), "0003")

    assert states(url) == list(STATES)
