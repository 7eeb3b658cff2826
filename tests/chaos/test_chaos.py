"""A day full of faults: no review is lost, every verdict is right, and every version can be read."""

import json
import random
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from loop.reviews.verdict_query import VerdictFilter
from tests.chaos import installation as installations
from tests.chaos.faults import FAULTS
from tests.chaos.probe import Probe
from tests.services import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1500)]

SEED = 20261126
REVIEWS = 2  # in each fault, and one more after it
CAUGHT_UP_SECONDS = 240.0
RESULT = Path(__file__).parents[2] / "faults.json"  # `python -m scripts.fault_table` puts it into the docs


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    with installations.running(tmp_path_factory.mktemp("chaos"), SEED) as running:
        yield running


@pytest.fixture(scope="module")
def probe(installation):
    config = installation.rooms.studio.projects.get(installation.project_id).label_config
    with Probe(installation.settings, installation.project_id, config, installation.task_data()) as probe:
        until(lambda: probe.moments and probe.moments[-1][1], 60)
        yield probe


@pytest.fixture(scope="module")
def costs():
    """What each fault cost so far."""
    return {}


def judged(installation):
    """How often each verdict was given on each task that was reviewed."""
    decisions = defaultdict(Counter)
    for verdict in installation.rooms.reviews.verdicts.all(VerdictFilter(project=installation.project_id)):
        decisions[verdict.task][str(verdict.decision)] += 1
    return decisions


def wrong(installation):
    """The tasks whose verdicts are not what the annotator decided."""
    recorded = judged(installation)
    return {
        task: (decided, recorded.get(task))
        for task, decided in installation.annotator.decided.items()
        if decided != recorded.get(task)
    }


def play(installation, probe, fault):
    """Play a fault while an annotator works; return what it cost."""
    began = time.monotonic()
    with fault(installation):
        installation.review(REVIEWS)
    ended = time.monotonic()
    installation.review(1)
    until(lambda: probe.works_again_after(ended) is not None and time.monotonic() - ended > 2, 120)
    until(lambda: not wrong(installation), CAUGHT_UP_SECONDS, every=0.5)
    caught_up = time.monotonic()
    answers = probe.between(began, caught_up)
    return {
        "predicts": len(answers),
        "failed": answers.count(False),
        "predicts_again_after": round(probe.works_again_after(ended), 1),
        "caught_up_after": round(caught_up - ended, 1),
    }


def twice(installation):
    """The tasks with more than one review: nobody reviewed one twice."""
    query = {"project": installation.project_id, "fields": "all", "page_size": 1000}
    tasks = installation.api.get("/api/tasks", params=query).raise_for_status().json()["tasks"]
    return [task["id"] for task in tasks if len(task["annotations"]) > 1]


def in_order(seed):
    """The names of the faults at random."""
    return random.Random(seed).sample(list(FAULTS), len(FAULTS))


@pytest.mark.parametrize("name", in_order(SEED))
def test_nothing_is_lost_and_everything_goes_on(installation, probe, costs, name):
    costs[name] = play(installation, probe, FAULTS[name])

    RESULT.write_text(json.dumps(costs, indent=2))


def test_at_the_end_every_verdict_is_right_and_every_version_can_be_read(installation):
    until(lambda: not installation.rooms.trainings.store.open(installation.project_id), 300)

    assert wrong(installation) == {}
    decided = sum(installation.annotator.decided.values(), Counter())
    assert decided.keys() == {"confirmed", "corrected", "false_positive", "missed"}
    assert twice(installation) == []
    for version in installation.rooms.registry.versions.list(installation.project_id):
        version.verify()
