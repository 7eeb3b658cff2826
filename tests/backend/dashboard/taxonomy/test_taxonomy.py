"""The page of a taxonomy, and what people do on it, without a browser."""

import html
import re
from dataclasses import replace

import pytest

from backend.dashboard.taxonomy_page import JOBS
from loop import page_jobs
from loop.job_queue.job_list import JobState
from loop.job_queue.page_queue import name_job
from loop.taxonomy import manage, taxonomy_yaml
from loop.taxonomy.taxonomy import Node, Taxonomy
from tests.backend.dashboard.builders import HOSTILE, PAGE, PROJECT
from tests.backend.dashboard.taxonomy.builders import PATH, TOKEN, TREE, with_taxonomy
from tests.job_queue.builders import queued


@pytest.fixture
def rooms(filled):
    return with_taxonomy(filled)


def post(operator, action, path=PATH, **fields):
    shown = operator.get(path, headers=PAGE).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', shown)[1]
    return operator.post(f"{path}{action}", data={"csrf_token": token, **fields}, headers=PAGE)


def send(operator, action, **fields):
    answer = post(operator, action, **fields)
    assert answer.status_code == 303, answer.text
    return re.findall(r'<p class="message (\w+)"[^>]*>(.*?)</p>', operator.get(answer.location, headers=PAGE).text)


def test_the_page_shows_tree_versions_and_what_waits_for_a_decision(rooms, operator):
    text = operator.get(PATH).text

    for shown in ("Things", "0.400", "44 of 1000 matches would change", "0.512", "over the limit", "StalePlan"):
        assert shown in text
    assert "because &lt;/script&gt;" in text
    assert HOSTILE not in text


def test_a_project_without_a_taxonomy_says_how_it_gets_one(filled, operator):
    text = operator.get("/loop/projects/1/taxonomy/").text

    assert "No taxonomy was applied" in text
    assert "Undo the last change" not in text


def test_all_errors_of_a_file_are_shown_at_once_and_the_text_stays(rooms, operator):
    content = "nodes: [{id: a, x: 1, threshold: 7}, {id: a, parent: nowhere}]"

    answer = post(operator, "check", content=content)

    assert answer.status_code == 200
    assert "4 errors; nothing was changed" in answer.text
    assert content in answer.text.replace("&#39;", "'")
    assert rooms.taxonomies.store.current(PROJECT) == TREE


def test_a_file_is_checked_then_applied_with_a_reason(rooms, operator):
    new = Taxonomy((*TREE.nodes[:2], Node("bus", HOSTILE, "thing")))
    content = taxonomy_yaml.write(new)

    checked = post(operator, "check", content=content.replace("\n", "\r\n")).text
    hidden = html.unescape(re.search(r'name="content" value="([^"]+)"', checked)[1])
    messages = send(operator, "apply", content=hidden, version=TREE.version, why="no evil")

    assert "thing / bus" in checked
    assert "It was tried on no detections" in checked
    assert messages[0][1].startswith("taxonomy 2")
    assert "Stored matches stay" in messages[0][1]
    assert (rooms.taxonomies.store.current(PROJECT), rooms.taxonomies.store.all(PROJECT)[0].why) == (new, "no evil")


def test_a_file_that_changes_nothing_cannot_be_applied(rooms, operator):
    checked = post(operator, "check", content=taxonomy_yaml.write(TREE)).text

    assert "Nothing: this taxonomy is in force already." in checked
    assert "Apply this taxonomy" not in checked


def test_on_a_stale_page_nothing_is_applied(rooms, operator):
    manage.apply(rooms.taxonomies, PROJECT, Taxonomy((Node("other"),)), "meanwhile")

    content = taxonomy_yaml.write(Taxonomy((Node("mine"),)))

    assert "another taxonomy" in send(operator, "apply", content=content, version=TREE.version, why="x")[0][1]
    assert "prepare them again" in send(operator, "thresholds", why="x")[0][1]
    assert [node.id for node in rooms.taxonomies.store.current(PROJECT).nodes] == ["other"]
    assert "Another taxonomy is in force since" in operator.get(PATH).text


@pytest.mark.parametrize("content", ["x" * 200_001, "a\0b", "&lt;" * 60_000], ids=["long", "zero", "long-when-escaped"])
def test_a_file_that_cannot_be_taken_is_refused(rooms, operator, content):
    assert send(operator, "check", content=content)[0][0] == "error"


def test_a_file_of_other_letters_up_to_the_limit_fits_the_form(rooms, operator):
    answer = post(operator, "check", content="# " + "ж" * 130_000 + "\nnodes: []\n")

    assert "thing / car / evil" in answer.text


def test_thresholds_are_put_in_force(rooms, operator):
    assert "taxonomy 2" in send(operator, "thresholds", why="measured")[0][1]

    assert rooms.taxonomies.store.current(PROJECT).by_id["car"].threshold == 0.5125


def test_what_takes_long_is_a_queued_job_in_the_name_of_the_person(rooms, operator):
    for action, fields in (
        ("calibrate", {}),
        ("dry-run", {}),
        ("reapply", {"token": TOKEN}),
        ("undo", {"token": TOKEN}),
    ):
        kind, message = send(operator, action, **fields)[0]
        assert (kind, message.partition(";")[0]) == (
            "done",
            f"asked for the job {JOBS[action.replace('-', '_')]}",
        )

    assert list(rooms.queue.page_jobs.values()) == [
        ("default", "calibrate", PROJECT, "operator user", {}),
        ("default", "dry_run", PROJECT, "operator user", {}),
        ("default", "reapply", PROJECT, "operator user", TOKEN, {}),
        ("default", "undo", PROJECT, "operator user", TOKEN, {}),
    ]


def test_each_job_of_the_page_exists():
    assert all(callable(getattr(page_jobs, job)) for job in JOBS)


def test_a_job_that_waits_is_named_and_not_asked_for_twice(rooms, operator):
    ids = [name_job(job, PROJECT, "") for job in ("calibrate", "undo")]
    states = (JobState.WAITING, JobState.FAILED)
    rooms.queue.listed = [replace(queued("job"), id=each, state=state) for each, state in zip(ids, states, strict=True)]
    rooms.queue.page_jobs[ids[0]] = ()

    assert f'At work: <a href="/loop/jobs/{ids[0]}">calibrate</a>.' in operator.get(PATH).text
    assert "waits or runs already" in send(operator, "calibrate")[0][1]


def test_a_get_changes_nothing(rooms, operator):
    for action in ("check", "apply", "thresholds", "calibrate", "dry-run", "reapply", "undo"):
        assert operator.get(f"{PATH}{action}").status_code in (404, 405)
