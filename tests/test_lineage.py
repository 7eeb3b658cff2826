"""Tracing regions, annotators and versions."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from loop import lineage
from loop.cli.tree import app
from loop.datasets.assemble import assemble
from loop.errors import PayloadError, UnknownVersion
from loop.registry.store import VersionFacts
from loop.reviews.judging import judge_tasks
from loop.training.after_reviews import review
from tests.builders import created, ls_region, region, served
from tests.builders import review as review_of
from tests.training.builders import review_tasks


@pytest.fixture
def learned(rooms, tmp_path):
    """Task 3 was predicted, corrected by annotator 1, and learned from by version 1.1.0, the child of 1.0.0."""
    weights = tmp_path / "some.pt"
    weights.write_bytes(b"weights")
    parent = rooms.registry.versions.add(1, weights)
    rooms.registry.versions.promote(1, parent.name, "first")
    review_tasks(rooms, range(1, 9))
    image = "/data/upload/1/3.jpg"
    rooms.serving.predictions.append([served(region("p", score=0.7), region("q", score=0.6), task=3, image=image)])
    event = created(ls_region("p", label="Person"), ls_region("drawn", x=60.0), annotation=33, task=3, minutes=5)
    event["task"]["data"]["image"] = image
    rooms.reviews.events.append(1, event["action"], event)
    review(rooms.trainings, 1)
    training = rooms.trainings.store.ask(1, "by hand")
    snapshot = assemble(rooms.datasets, 1)
    child = rooms.registry.versions.add(1, weights, VersionFacts(snapshot=snapshot.hash, parent=parent.name))
    rooms.trainings.store.note(training.id, snapshot=snapshot.hash, version=child.name)
    return rooms


def test_a_predicted_region_is_traced_to_the_version_that_learned_from_its_correction(learned):
    trace = lineage.of_region(learned.trainings, learned.taxonomies, 1, "p")

    (shown,) = trace.shown
    assert (shown.version, shown.task, shown.stream, shown.region.score) == ("yolo_detector@1.0.0", 3, "queue", 0.7)
    (drawn,) = trace.drawn
    assert (drawn.annotation, drawn.annotator, drawn.is_counted) == (33, 1, True)
    (verdict,) = trace.verdicts
    assert (verdict.decision, verdict.is_relabelled, verdict.annotation) == ("corrected", True, 33)
    (taught,) = trace.learned
    assert (taught.annotation, taught.version, taught.training) == (33, "yolo_detector@1.1.0", 1)


def test_a_region_drawn_by_hand_was_shown_by_nobody(learned):
    trace = lineage.of_region(learned.trainings, learned.taxonomies, 1, "drawn")

    assert trace.shown == []
    assert [verdict.decision for verdict in trace.verdicts] == ["missed"]
    assert [taught.version for taught in trace.learned] == ["yolo_detector@1.1.0"]


def test_a_false_positive_is_in_no_review_and_is_learned_from_as_its_absence(learned):
    trace = lineage.of_region(learned.trainings, learned.taxonomies, 1, "q")

    assert trace.drawn == []
    assert [verdict.decision for verdict in trace.verdicts] == ["false_positive"]
    assert [taught.annotation for taught in trace.learned] == [33]


@pytest.mark.parametrize(
    ("label", "decision"), [("Person", "confirmed"), ("Car", "false_positive")], ids=["reviewed-as-its-label", "not"]
)
def test_a_double_is_traced_to_the_box_shown_and_to_its_verdict(rooms, label, decision):
    double = replace(region("d", label="Person", score=0.5), double_of="p")
    rooms.serving.predictions.append([replace(served(region("p", score=0.7)), candidates=(double,))])
    rooms.reviews.store.record(review_of(region("p", label=label)), {"image": "/data/upload/1/a.jpg"})
    judge_tasks(rooms.reviews, 1, [1])

    (shown,) = lineage.of_region(rooms.trainings, rooms.taxonomies, 1, "d").shown

    assert (shown.is_candidate, shown.region.double_of, shown.decision) == (True, "p", decision)


def test_an_annotator_is_traced_to_verdicts_and_versions(learned):
    trace = lineage.of_annotator(learned.trainings, 1, 1)

    assert (trace.reviews, trace.tasks, trace.median_seconds) == (1, [3], 2.0)
    assert trace.verdicts == {"yolo_detector@1.0.0": {"corrected": 1, "false_positive": 1, "missed": 1}}
    assert sum(trace.learned["yolo_detector@1.1.0"].values()) == 1


def test_a_version_is_traced_to_those_who_taught_it_and_to_what_it_did(learned):
    child = lineage.of_version(learned.trainings, 1, "1.1.0")
    parent = lineage.of_version(learned.trainings, 1, "1.0.0")

    assert child.ancestors == ["yolo_detector@1.0.0"]
    assert child.taught_by == {"1": 1, "not known": 7}
    assert sum(child.images.values()) == 8
    assert parent.taught == ["yolo_detector@1.1.0"]
    assert (parent.predictions, parent.tasks) == (1, 1)
    assert parent.verdicts == {"corrected": 1, "false_positive": 1, "missed": 1}
    assert [move.split(" ", 2)[2] for move in parent.moves if "champion" in move] == ["champion: first"]


@pytest.mark.parametrize(
    ("trace", "error"),
    [
        pytest.param(
            lambda trainings, taxonomies: lineage.of_region(trainings, taxonomies, 1, "nowhere"),
            PayloadError,
            id="region",
        ),
        pytest.param(lambda trainings, _: lineage.of_annotator(trainings, 1, 99), PayloadError, id="annotator"),
        pytest.param(lambda trainings, _: lineage.of_version(trainings, 1, "9.9.9"), UnknownVersion, id="version"),
    ],
)
def test_what_is_not_known_is_an_error(learned, trace, error):
    with pytest.raises(error):
        trace(learned.trainings, learned.taxonomies)


def test_regions_of_another_project_are_not_found(learned):
    with pytest.raises(PayloadError):
        lineage.of_region(learned.trainings, learned.taxonomies, 2, "p")


def test_the_command_says_it_in_lines_and_in_json(learned, settings, monkeypatch):
    for variable, value in settings.environment().items():
        monkeypatch.setenv(variable, value)
    output = CliRunner().invoke(app, ["lineage", "--project", "1", "--region", "p"]).output
    content = json.loads(CliRunner().invoke(app, ["lineage", "--project", "1", "--version", "1.1.0", "--json"]).output)

    assert "corrected (relabelled) on yolo_detector@1.0.0 by annotator 1 in 2.0 s (editor)" in output
    assert "training 1 asked, yolo_detector@1.1.0" in output
    assert content["ancestors"] == ["yolo_detector@1.0.0"]
