"""When a training is asked for."""

from datetime import UTC, datetime, timedelta

import pytest

from loop import jobs
from loop.storage.tables import projects, trainings
from loop.training.retrain import retrain
from loop.training.store import TrainingState
from scripts import retrain as script
from tests.builders import set_all
from tests.training.builders import review_tasks


def test_the_sweep_asks_once_the_cool_down_is_over(asked):
    asked.studio.projects.set_policy(1, {"retrain_after": 2, "cool_down": 3600, "of_somebody_else": 1})
    retrain(asked.trainings, 1)
    review_tasks(asked, range(20, 25))

    jobs._ask_again(asked)
    too_early = list(asked.trainings.store.open(1))
    asked.studio.projects.set_policy(1, {"retrain_after": 2, "cool_down": 0})
    jobs._ask_again(asked)

    assert too_early == []
    assert [one.asked_by for one in asked.trainings.store.open(1)] == ["5 new reviews"]
    assert asked.queue.asked.count(("retrain", 1)) >= 1


def test_by_hand_neither_number_nor_cool_down_counts(asked):
    asked.studio.projects.set_policy(1, {"retrain_after": 99, "cool_down": 3600})
    retrain(asked.trainings, 1)

    assert asked.trainings.store.ask(1, "by hand").state == TrainingState.ASKED


@pytest.mark.parametrize("arguments", [["--help"], ["--project", "7"]])
def test_the_script_for_cron_asks_for_nothing_where_it_is_given_arguments(arguments, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["retrain.py", *arguments])
    monkeypatch.setenv("LOOP_HOME", str(tmp_path / "home"))

    with pytest.raises(SystemExit):
        script.main()

    assert not (tmp_path / "home").exists()


def test_the_sweep_asks_for_a_training_also_where_the_clock_went_back_since_the_last_one(asked):
    retrain(asked.trainings, 1)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    set_all(asked, trainings, ended_at=tomorrow)
    set_all(asked, projects, reviews_seen_at=tomorrow)
    review_tasks(asked, range(20, 25))

    jobs._ask_again(asked)

    assert [one.asked_by for one in asked.trainings.store.open(1)] == ["5 new reviews"]


@pytest.mark.parametrize(
    "column", [projects.c.reviews_seen_at, trainings.c.reviews_until], ids=lambda column: column.name
)
def test_a_review_that_comes_during_a_training_is_new_also_where_the_clock_went_back(asked, column):
    retrain(asked.trainings, 1)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    set_all(asked, column.table, **{column.name: tomorrow})
    review_tasks(asked, range(20, 25))
    learnt = max(tomorrow, asked.reviews.facts.find_newest(1))

    review_tasks(asked, range(30, 33))
    asked.studio.projects.mark_reviews_seen(1, learnt)

    assert asked.reviews.store.new_since(1, learnt) == 3
