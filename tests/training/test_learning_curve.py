"""The learning curve and the list of versions, from trainings and the gate's reports."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.errors import UnknownProject, UnknownVersion
from loop.gate.rule import GateOutcome
from loop.registry.promote import pin
from loop.registry.store import VersionFacts
from loop.training.learning_curve import draw_curve
from loop.training.store import TrainingEnd, TrainingState
from loop.training.version_rows import get_version, list_versions
from tests.builders import NOON, region, review
from tests.gate.builders import gate_report

HOSTILE = "<b>Cattle</b>"


def trained(rooms, folder, number, *, images=40, held_out="set", minutes=0, has_report=True, **more):
    """A training that made version *number* with reviews recorded until some minutes after noon, judged or not."""
    name = f"yolo_detector@{number}"
    weights = folder / "weights.pt"
    weights.write_bytes(number.encode())
    training = rooms.trainings.store.ask(1, "a test")
    rooms.trainings.store.note(training.id, reviews_until=NOON + timedelta(minutes=minutes), snapshot=number * 8)
    facts = VersionFacts(
        snapshot=number * 8, metrics={"map50_95": 0.25, "images": 30}, training={"training": training.id}
    )
    rooms.registry.versions.add(1, weights, facts, number=number)
    end = TrainingEnd(TrainingState.ENDED, "not shown to be better", name, GateOutcome.REFUSED)
    rooms.trainings.store.note(training.id, version=name)
    counts = {"images": {"train": images, "held_out": 10}, "left_out_counts": {"the review cannot be read": 3}}
    rooms.trainings.store.settle(training.id, end, snapshot=counts)
    rooms.trainings.store.end(training.id, end.state)
    if has_report:
        made = gate_report(held_out=held_out)
        rooms.gate.reports.write(replace(made, candidate=replace(made.candidate, name=name), pictures=(), **more))
    return name


def worked(rooms, task, seconds, minutes=0, **fields):
    rooms.reviews.store.record(
        review(region(), task=task, annotation=task, minutes=minutes, lead_time=seconds, **fields), {}
    )


def test_each_version_is_a_point_with_its_interval_its_images_and_its_classes(rooms, tmp_path):
    name = trained(rooms, tmp_path, "1.0.0")

    (point,) = draw_curve(rooms.trainings, 1).points

    change = gate_report().comparison.overall
    assert (point.version, point.images, point.status) == (name, 50, "refused")
    assert (point.measured.value, point.measured.interval) == (change.candidate, change.candidate_interval)
    assert (point.before_name, point.before.value) == ("yolo_detector@1.0.0", change.champion)
    assert [part.name for part in point.classes] == ["Bird", HOSTILE, "Fish & chips"]
    assert all(part.measured.interval.low <= part.measured.value for part in point.classes)


def test_points_of_one_set_of_held_out_images_have_its_number(rooms, tmp_path):
    for number, held_out in (("1.0.0", "a"), ("1.1.0", "b"), ("1.2.0", "a"), ("1.3.0", "")):
        trained(rooms, tmp_path, number, held_out=held_out)

    points = draw_curve(rooms.trainings, 1).points

    assert [point.held_out.number for point in points] == [1, 2, 1, 3]


def test_hours_are_those_of_the_reviews_until_a_version_was_trained(rooms, tmp_path):
    worked(rooms, 1, 1800.0)
    worked(rooms, 2, 900.0, minutes=10)
    worked(rooms, 3, 9000.0, minutes=11)  # the annotator was away
    worked(rooms, 4, None, minutes=12)
    worked(rooms, 5, 60.0, minutes=12, is_imported=True)
    worked(rooms, 6, 900.0, minutes=90)
    trained(rooms, tmp_path, "1.0.0", minutes=5)
    trained(rooms, tmp_path, "1.1.0", minutes=60)

    curve = draw_curve(rooms.trainings, 1)

    assert [point.work.hours for point in curve.points] == [0.5, 0.75]
    assert (curve.points[1].work.too_long, curve.points[1].work.unknown) == (1, 1)
    assert (curve.work.hours, curve.work.reviews) == (1.0, 5)


def test_a_version_whose_report_is_gone_is_named(rooms, tmp_path):
    trained(rooms, tmp_path, "1.0.0")
    gone = trained(rooms, tmp_path, "1.1.0", has_report=False)

    curve = draw_curve(rooms.trainings, 1)

    assert [point.version for point in curve.points] == ["yolo_detector@1.0.0"]
    assert curve.unmeasured == (gone,)


def test_an_empty_project_has_an_empty_curve(rooms):
    curve = draw_curve(rooms.trainings, 1)

    assert (curve.points, curve.unmeasured, curve.work.hours) == ((), (), 0.0)
    assert list_versions(rooms.trainings, 1).rows == ()
    for ask in (draw_curve, list_versions):
        with pytest.raises(UnknownProject):
            ask(rooms.trainings, 9)


def test_versions_are_listed_newest_first_with_what_the_gate_said(rooms, tmp_path):
    names = [trained(rooms, tmp_path, f"1.{number}.0") for number in range(3)]
    pin(rooms.registry, 1, names[1], "a test")

    page = list_versions(rooms.trainings, 1, skip=1, most=1)

    (row,) = page.rows
    assert (row.name, row.status, row.reason) == (names[1], "refused", "not shown to be better")
    assert (row.images, row.map50_95, row.held_out) == (50, 0.25, 30)
    assert row.marks == ("champion", "pinned")
    assert (page.total, page.champion, page.pinned, page.previous) == (3, names[1], names[1], None)


def test_a_version_is_found_by_its_number(rooms, tmp_path):
    trained(rooms, tmp_path, "1.0.0")

    assert get_version(rooms.trainings, 1, "1.0.0").name == "yolo_detector@1.0.0"
    with pytest.raises(UnknownVersion):
        get_version(rooms.trainings, 1, "7.0.0")


def test_the_command_prints_the_curve_as_a_table_and_as_json(settings, rooms, tmp_path, monkeypatch):
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    trained(rooms, tmp_path, "1.0.0")
    trained(rooms, tmp_path, "1.1.0", has_report=False)

    def loop(*arguments):
        return CliRunner().invoke(app, ["models", "curve", "--project", "1", *arguments], catch_exceptions=False).stdout

    assert re.search(r"yolo_detector@1\.0\.0 .* set 1: \d+ images", loop())
    assert "only values with the same set number" in loop()
    assert HOSTILE in loop("--classes")
    assert "yolo_detector@1.0.0, set 1" in loop("--classes")
    plain = json.loads(loop("--json"))
    assert plain["points"][0]["held_out"]["number"] == 1
    assert plain["unmeasured"] == ["yolo_detector@1.1.0"]


def test_commands_end_with_what_more_images_may_bring(settings, rooms, tmp_path, monkeypatch):
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    change = replace(gate_report().comparison.overall, champion=0.3, candidate=0.4, low=0.06, high=0.14)
    comparison = replace(gate_report().comparison, overall=change)
    trained(rooms, tmp_path, "1.0.0", comparison=comparison)
    trained(rooms, tmp_path, "1.1.0", images=90, comparison=comparison)
    line = "labelled images 51 to 100 brought +0.100 (+0.060 to +0.140) mAP50-95; 50 more like them may bring +0.058"

    def loop(*arguments):
        return " ".join(CliRunner().invoke(app, [*arguments, "--project", "1"], catch_exceptions=False).output.split())

    assert line in loop("models", "curve")
    assert line in loop("rates")
    assert json.loads(loop("rates", "--json"))["outlook"]["more"] == 50
    assert json.loads(loop("models", "curve", "--json"))["outlook"]["first"] == 50
