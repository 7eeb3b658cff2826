"""What boxes cost annotators, from the records to the terminal."""

import itertools
import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.installation.status import status
from loop.rates.intervals import Interval
from loop.rates.measure_costs import measure_costs_by_version, note_saved
from loop.rates.post_alerts import watch
from loop.rates.review_work import WorkKind
from loop.rates.verdict_costs import Cost, VersionCosts
from loop.regions import Box
from loop.reviews.judging import judge_tasks
from tests.builders import region, review, served
from tests.installation.fakes import Queue
from tests.swap import swap

IMAGE = "/data/upload/1/a.jpg"
PLACES = [
    Box(0.2 * across, 0.2 * down, 0.2 * across + 0.1, 0.2 * down + 0.1) for across in range(5) for down in range(5)
]
IMAGE_SECONDS, LEFT, MOVED, RELABELLED, DRAWN, DELETED = 4.0, 0.5, 3.0, 2.0, 8.0, 1.0


class Silent:
    """A part that does not answer."""

    url = ""

    def answers(self):
        return False


def add_review(rooms, task, version, *, left=0, moved=0, relabelled=0, drawn=0, deleted=0):
    """A review of a task, whose lead time is exactly what its boxes cost."""
    places = iter(PLACES)
    boxes = [region(f"p{task}-{at}", at=next(places), score=0.9) for at in range(left + moved + relabelled + deleted)]
    rooms.serving.predictions.append([served(*boxes, task=task, version=version)])
    remaining = boxes[: len(boxes) - deleted]
    remaining[left : left + moved] = [_move(box) for box in remaining[left : left + moved]]
    remaining[left + moved :] = [replace(box, label="Person") for box in remaining[left + moved :]]
    new = [region(f"new{task}-{at}", at=next(places)) for at in range(drawn)]
    works = (left, LEFT), (moved, MOVED), (relabelled, RELABELLED), (drawn, DRAWN), (deleted, DELETED)
    seconds = IMAGE_SECONDS + sum(number * cost for number, cost in works)
    made = review(*remaining, *new, task=task, annotation=task, minutes=task, lead_time=seconds)
    rooms.reviews.store.record(made, {"image": IMAGE})
    judge_tasks(rooms.reviews, 1, [task])


def _move(box):
    return replace(box, box=replace(box.box, x1=box.box.x1 + 0.02))


def list_kinds():
    """The boxes of each of 80 reviews: left, moved, relabelled, drawn, deleted."""
    return list(itertools.product((0, 2), (0, 1), (0, 1), (0, 2), (0, 1))) * 2 + [(2, 1, 1, 2, 1)] * 16


@pytest.fixture
def annotated(rooms):
    """A version with enough reviews, the newest with too few."""
    for task, (left, moved, relabelled, drawn, deleted) in enumerate(list_kinds(), start=1):
        works = {"left": left, "moved": moved, "relabelled": relabelled, "drawn": drawn, "deleted": deleted}
        add_review(rooms, task, "a@1.0.0", **works)
    add_review(rooms, 100, "a@1.1.0", left=1)
    return rooms


def test_each_verdict_costs_what_its_reviews_took(annotated):
    costs = measure_costs_by_version(annotated.rates, 1)

    seconds = {work: cost.value for work, cost in costs["a@1.0.0"].seconds.items()}
    truth = (IMAGE_SECONDS, LEFT, MOVED, RELABELLED, DRAWN, DELETED)
    assert seconds == pytest.approx(dict(zip(WorkKind, truth, strict=True)), rel=1e-3)


def test_the_minutes_saved_are_those_against_drawing_all_objects(annotated):
    saved = measure_costs_by_version(annotated.rates, 1)["a@1.0.0"].saved

    each = [
        DRAWN * (left + moved + relabelled) - LEFT * left - MOVED * moved - RELABELLED * relabelled - DELETED * deleted
        for left, moved, relabelled, _, deleted in list_kinds()
        if left + moved + relabelled + deleted
    ]
    assert saved.value == pytest.approx(sum(each) / len(each) * 100 / 60, rel=1e-3)


def test_a_version_with_too_few_reviews_gets_no_number(annotated):
    costs = measure_costs_by_version(annotated.rates, 1)["a@1.1.0"]

    assert (costs.reviews, costs.seconds, costs.saved) == (1, {}, None)


def read_status(rooms):
    silent = (rooms.studio.client, Silent()), (rooms.studio.backend, Silent()), (rooms.queue, Queue())
    (project,) = status(swap(rooms, *silent).installation).projects
    return project.saved


def test_the_line_of_the_status_is_that_of_the_newest_version_with_enough_reviews(annotated):
    costs = measure_costs_by_version(annotated.rates, 1)["a@1.0.0"]

    watch(annotated.rates, 1)

    assert read_status(annotated) == f"a@1.0.0: {costs.describe_saved()}"


def test_the_line_follows_the_reviews_and_is_measured_only_where_some_came(annotated):
    note_saved(annotated.rates, 1)
    before = annotated.rates.store.read_saved(1)
    annotated.rates.store.write_saved(1, "as it was", before[1])

    note_saved(annotated.rates, 1)
    unchanged = read_status(annotated)
    add_review(annotated, 101, "a@1.0.0", left=2)
    note_saved(annotated.rates, 1)

    assert unchanged == "as it was"
    assert "by 76 timed reviews" in before[0]
    assert "by 77 timed reviews" in read_status(annotated)


def test_without_reviews_the_status_has_no_such_line(rooms):
    watch(rooms.rates, 1)

    assert read_status(rooms) is None


def test_the_command_shows_costs_and_minutes(annotated, settings, monkeypatch):
    for variable, value in settings.environment().items():
        monkeypatch.setenv(variable, value)

    output = CliRunner().invoke(app, ["rates", "--project", "1", "--seconds"], env={"COLUMNS": "250"}).output
    content = json.loads(CliRunner().invoke(app, ["rates", "--project", "1", "--seconds", "--json"]).output)

    assert "8.0 (8.0 to 8.0)" in output
    assert "a@1.0.0: suggestions saved" in output
    assert "a@1.1.0: the minutes that suggestions saved are not known" in output
    assert content["a@1.0.0"]["costs"]["seconds"]["drawn"]["value"] == pytest.approx(DRAWN, rel=1e-3)
    assert content["a@1.1.0"]["costs"]["saved"] is None


def test_next_to_nothing_saved_has_no_sign():
    nothing = VersionCosts(80, saved=Cost(-0.01, Interval(-0.04, 0.04)))

    assert nothing.describe_saved().startswith("suggestions saved 0.0 minutes (0.0 to 0.0) in 100 images")
