"""Stored reports, read back: of the gate, of comparisons, and of earlier versions of this program."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loop.errors import PayloadError, UnknownReport
from loop.gate.compare import compare
from loop.gate.report import as_json, list_broken, list_fixed, name_pair
from loop.gate.report_page import make_page
from loop.gate.report_reader import read_report, write_pictures
from tests.gate.builders import gate_report, write_snapshot

OLD_HOME = Path(__file__).parents[1] / "storage" / "old_home" / "files" / "reports"


def test_a_report_is_the_same_after_it_was_stored(rooms):
    made = gate_report()

    rooms.gate.reports.write(made)

    stored = rooms.gate.reports.read(1, made.candidate.name)
    assert replace(stored, comparison=made.comparison) == made
    assert json.loads(json.dumps(as_json(stored))) == json.loads(json.dumps(as_json(made)))
    assert stored.comparison.mistakes == (*list_fixed(made.comparison.mistakes), *list_broken(made.comparison.mistakes))


def test_the_page_of_a_stored_report_is_the_page_that_was_written(rooms):
    made = gate_report()
    page = rooms.gate.reports.write(made)

    assert make_page(rooms.gate.reports.read(1, made.candidate.name)) == page.read_text()


def test_each_side_has_an_interval_of_its_own():
    change = gate_report().comparison.overall

    for interval, value in (
        (change.champion_interval, change.champion),
        (change.candidate_interval, change.candidate),
    ):
        assert interval.low < value < interval.high


def test_a_comparison_is_kept_beside_the_reports_of_the_gate(judged):
    rooms, training = judged()

    compared = compare(rooms.gate, 1, training.version, "1.0.0")

    key = name_pair(training.version, "yolo_detector@1.0.0")
    assert rooms.gate.reports.read(1, key).comparison.overall.lead == compared.comparison.overall.lead
    assert rooms.gate.reports.read_all(1).keys() == {key, training.version}


def test_reports_on_the_same_images_say_so(judged, rooms, tmp_path):
    rooms, training = judged()
    compared = compare(rooms.gate, 1, training.version, "1.0.0")
    other = write_snapshot(rooms, tmp_path, 7)

    assert rooms.gate.reports.read(1, training.version).held_out == compared.held_out != ""
    assert other.digest_held_out() != compared.held_out


@pytest.mark.parametrize("path", sorted(OLD_HOME.rglob("report.json")), ids=lambda path: path.parent.name)
def test_reports_of_earlier_versions_are_read_without_what_they_lack(path):
    stored = read_report(path.read_text())

    assert stored.candidate.name == path.parent.name
    assert stored.ruling.reason == json.loads(path.read_text())["reason"]
    assert stored.comparison.overall.candidate_interval is None
    assert (stored.held_out, stored.pictures, stored.comparison.shown) == ("", (), ())


@pytest.mark.parametrize("content", ["", "[]", "null", "{}", '{"outcome": "promoted"}', '{"classes": 1}'])
def test_a_report_that_cannot_be_read_is_named_and_hides_no_other(rooms, content):
    rooms.gate.reports.write(gate_report())
    folder = rooms.installation.machine.home / "reports" / "1" / "yolo_detector@9.0.0"
    folder.mkdir()
    for name in ("report.json", "report.html"):
        (folder / name).write_text(content)

    with pytest.raises(PayloadError, match=r"report\.json"):
        rooms.gate.reports.read(1, "yolo_detector@9.0.0")
    assert rooms.gate.reports.read_all(1).keys() == {"yolo_detector@1.1.0"}


def test_pictures_that_cannot_be_read_are_named():
    with pytest.raises(PayloadError):
        read_report(json.dumps(as_json(gate_report())), '[{"jpeg": "!"}]')

    assert len(read_report(json.dumps(as_json(gate_report())), write_pictures(gate_report())).pictures) == len(
        gate_report().pictures
    )


def test_a_report_that_is_gone_is_named(rooms):
    with pytest.raises(UnknownReport):
        rooms.gate.reports.read(1, "yolo_detector@9.0.0")
    assert rooms.gate.reports.read_all(1) == {}
