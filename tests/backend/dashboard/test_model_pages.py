"""The pages of versions, of the learning curve and of rates, without a browser."""

import re
from datetime import timedelta
from html import unescape

import pytest

from loop.gate.report import name_pair
from loop.job_queue.page_queue import name_job
from loop.notices import NoticeKind
from loop.rates.alerts import Alert
from loop.rates.rates import Grouping
from loop.storage.tables import moves
from tests.backend.builders import client_of
from tests.backend.dashboard.builders import HOSTILE, PAGE, PROJECT, fill_versions, report_on
from tests.builders import NOON, read_rows
from tests.fakes import FakeDetectors
from tests.swap import swap

MODELS = f"/loop/projects/{PROJECT}/models/"
LEARNING = f"/loop/projects/{PROJECT}/learning/"
RATES = f"/loop/projects/{PROJECT}/rates/"
NEWEST, FIRST = "yolo_detector@2.2.0", "yolo_detector@2.0.0"


@pytest.fixture
def versions(filled, tmp_path):
    """The app, whose project has three versions that served and a refused one; the report of the second is gone."""
    rooms = filled.extensions["rooms"]
    filled.extensions["rooms"] = swap(rooms, (rooms.registry.detectors, FakeDetectors()))
    fill_versions(filled.extensions["rooms"], tmp_path, 4, gone=(1,))
    return filled


@pytest.fixture
def operator(versions):
    return client_of(versions)


@pytest.fixture
def rooms(versions):
    return versions.extensions["rooms"]


def get(operator, address, status=200, **query):
    answer = operator.get(address, query_string=query or None, headers=PAGE)
    assert answer.status_code == status, answer.text
    assert HOSTILE not in answer.text
    assert "<img src=x" not in answer.text
    return answer.text


def act(operator, action, **fields):
    """Send a form of the page, and return what the page says afterwards."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', operator.get(MODELS).text)[1]
    answer = operator.post(f"{MODELS}{action}", data={"csrf_token": token, **fields}, headers=PAGE)
    assert answer.status_code == 303, answer.text
    return operator.get(answer.headers["Location"], headers=PAGE).text


def test_the_versions_are_listed_with_their_marks_and_the_gates_word(operator):
    text = get(operator, MODELS)

    assert text.index("yolo_detector@2.3.0</a>") < text.index(f"{FIRST}</a>")
    assert "refused" in text
    assert "1 to 5 of 5" in text


def test_a_version_shows_its_record_its_lineage_and_its_moves(operator):
    text = get(operator, f"{MODELS}version", name=NEWEST)

    assert "yolo_detector@2.1.0</a>, before it" in text
    assert "champion: better" in text
    assert "Roll back" not in text
    assert "Promote" not in text


def test_the_report_of_the_gate_is_a_page_with_its_pictures(operator, rooms):
    text = get(operator, f"{MODELS}report", name=NEWEST)

    addresses = re.findall(r'<image [^>]*href="([^"]+)"', text)
    assert len(addresses) == 2 * len(report_on(2).pictures) > 0
    picture = operator.get(unescape(addresses[0]))
    assert (picture.mimetype, picture.data) == ("image/jpeg", report_on(2).pictures[0].jpeg)
    assert f"{report_on(2).comparison.overall.candidate:.3f}" in text


def test_a_version_whose_report_is_gone_has_a_page_that_says_so(operator):
    assert "There is no report." in get(operator, f"{MODELS}report", name="2.1.0")
    assert "Without a report" in get(operator, LEARNING)


def test_the_page_of_an_old_report_can_do_nothing(operator, rooms):
    page = operator.get(f"{MODELS}report/page", query_string={"name": NEWEST}, headers=PAGE)

    assert page.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "unsafe-inline" in page.headers["Content-Security-Policy"]
    assert page.data == rooms.gate.reports.find(PROJECT, NEWEST)[0].read_bytes()


def test_a_picture_that_is_not_there_is_refused(operator):
    for number, query in ((99, {"name": NEWEST}), (10**30, {"name": NEWEST}), (0, {}), (0, {"first": NEWEST})):
        assert operator.get(f"{MODELS}report/{number}.jpg", query_string=query).status_code == 404


def test_a_version_that_is_not_there_is_named_and_no_file_is_read(operator):
    for name in ("../../x", "\0", "x" * 5000, "", HOSTILE, "yolo_detector@9.0.0"):
        for page in ("version", "report", "report/page"):
            get(operator, f"{MODELS}{page}", status=404, name=name)


def test_two_versions_that_the_gate_compared_are_shown_side_by_side(operator):
    for pair in ({"first": NEWEST, "second": "2.1.0"}, {"first": "2.1.0", "second": "2.2.0"}):
        text = get(operator, f"{MODELS}compare", **pair)

        assert "on the same 12 held-out images" in text
        assert "Measure again" in text


def test_two_versions_that_were_never_measured_together_are_measured_by_a_job(operator, rooms):
    pair = {"first": FIRST, "second": NEWEST}
    assert "never measured on the same images" in get(operator, f"{MODELS}compare", **pair)

    text = act(operator, "measure", **pair)

    job = name_job("compare", PROJECT, name_pair(FIRST, NEWEST))
    assert rooms.queue.page_jobs == {job: ("gpu", "compare", PROJECT, FIRST, NEWEST, {})}
    assert f"{job}</a> measures both" in text
    assert 'hx-trigger="every 5s"' in text
    rooms.queue.failures[job] = "OutOfMemory: <b>"
    assert "The last measurement failed: OutOfMemory: &lt;b&gt;" in get(operator, f"{MODELS}compare", **pair)


def test_a_refused_version_is_promoted_only_with_a_reason_and_by_a_job(operator, rooms):
    refused = "yolo_detector@2.3.0"
    assert "The gate refused it. It serves all the same if you say why." in get(
        operator, f"{MODELS}version", name=refused
    )

    assert "the gate refused it" in act(operator, "promote", version=refused, why="I looked")
    text = act(operator, "promote", version=refused, why="I looked", force="yes")

    job = name_job("promote", PROJECT, refused)
    assert rooms.queue.page_jobs == {
        job: ("default", "promote", PROJECT, refused, "I looked", "operator user", {"is_forced": True})
    }
    assert f"{refused} will serve as soon as" in text
    assert 'hx-trigger="every 3s"' in text


def test_a_version_is_pinned_unpinned_and_rolled_back_with_a_reason(operator, rooms):
    versions = rooms.registry.versions

    text = act(operator, "pin", version=FIRST, why="a trial")
    assert (versions.champion(PROJECT).name, rooms.studio.projects.get(PROJECT).pinned) == (FIRST, FIRST)
    assert f"{FIRST} serves, and stays" in text
    assert "is pinned to" in act(operator, "promote", version=NEWEST, why="later")
    assert "is pinned to" in act(operator, "roll-back", version=NEWEST, why="later")
    assert "the gate decides again" in act(operator, "unpin", why="done")
    assert "serves again" in act(operator, "roll-back", version=NEWEST, why="it was better")

    assert versions.champion(PROJECT).name == NEWEST
    last = read_rows(rooms, moves)[-1]
    assert (last.version, last.why, last.who) == (NEWEST, "it was better", "operator user")


def test_nothing_moves_without_a_reason(operator, rooms):
    token = re.search(r'name="csrf_token" value="([^"]+)"', operator.get(MODELS).text)[1]
    before = read_rows(rooms, moves)

    fields = {"csrf_token": token, "version": FIRST, "why": " "}
    answers = [
        operator.post(f"{MODELS}{action}", data=fields, headers=PAGE)
        for action in ("promote", "pin", "unpin", "roll-back")
    ]

    assert {answer.status_code for answer in answers} == {400}
    assert (read_rows(rooms, moves), rooms.queue.page_jobs) == (before, {})


def test_the_curve_says_which_points_were_measured_on_the_same_images(operator):
    text = get(operator, LEARNING)

    assert "only values with the same set number were measured on the same images" in text
    rows = re.findall(r'name=yolo_detector@2\.(\d)\.0">[^<]*</a></th>(.*?)</tr>', text.replace("%40", "@"), re.DOTALL)
    sets = {number: re.findall(r'<td class="number">(\d+)</td>', row)[1] for number, row in rows}
    assert sets == {"3": "3", "2": "2", "0": "1"}


def test_each_cell_of_the_confusion_leads_to_its_boxes(operator):
    text = get(operator, LEARNING)

    cells = re.findall(r'<td class="number[^"]*"><a href="([^"]+)">(\d+)</a>', text)
    assert cells
    for address, boxes in cells:
        listed = get(operator, unescape(address))
        assert len(re.findall(r"data\?task=\d+", listed)) == int(boxes)


def test_only_the_verdicts_on_one_version_are_in_the_table_if_it_is_chosen(operator):
    assert "No verdict yet." in get(operator, LEARNING, version="yolo_detector@2.2.0")
    assert "No verdict yet." not in get(operator, LEARNING, version="yolo_detector@1.0.0")


def test_the_rates_are_shown_by_each_grouping_with_what_to_do(operator, rooms):
    rooms.registry.versions.promote(PROJECT, "yolo_detector@1.0.0", "the verdicts are on it")
    for by in Grouping:
        text = get(operator, RATES, by=by.value, rate="missed", field="image")
        assert "Missed by week" in text
        assert ("raise model_score_threshold" in text) is (by is not Grouping.COHORT)  # each has one image
    assert "Cohorts need a field of the task data" in get(operator, RATES, by="cohort")


def test_an_address_of_rates_that_makes_no_sense_is_refused(operator):
    for query in ({"by": "x"}, {"rate": HOSTILE}, {"since": "yesterday"}, {"field": "\0"}, {"since": "99999-01-01"}):
        get(operator, RATES, status=400, **query)


def test_alerts_stand_below_the_rates(operator, rooms):
    at = {"changed_at": NOON, "seen_at": NOON + timedelta(days=1)}
    alert = Alert(HOSTILE, "confirmed", "both", 0.9, 0.4, 7, version_before="a@1", version_after="a@1", **at)
    rooms.outbox.post(PROJECT, NoticeKind.RATES_ALERT, "a key", alert.body())

    assert "confirmed fell from 90% to 40%" in get(operator, RATES)


def test_an_empty_project_says_what_comes_next(operator):
    for page in ("models/", "learning/", "rates/", "models/compare"):
        assert 'class="empty"' in get(operator, f"/loop/projects/1/{page}")


def test_of_many_versions_a_page_shows_some(versions, tmp_path):
    fill_versions(versions.extensions["rooms"], tmp_path, 60, project=1, gone=range(60))
    operator = client_of(versions)

    first, last = get(operator, "/loop/projects/1/models/"), get(operator, "/loop/projects/1/models/", skip=50)

    assert "1 to 25 of 60" in first
    assert "51 to 60 of 60" in last
    assert "Older" in first
    assert "Newer" in last


def test_one_version_alone_has_nothing_to_be_compared_with(versions, tmp_path):
    fill_versions(versions.extensions["rooms"], tmp_path, 1, project=1)
    operator = client_of(versions)

    assert "There is only one version." in get(operator, "/loop/projects/1/models/compare")
    assert "Roll back" not in get(operator, "/loop/projects/1/models/")
