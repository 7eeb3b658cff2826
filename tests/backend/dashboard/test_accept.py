"""What is sure, planned, accepted and taken back on a page."""

import html

import pytest

from loop import page_jobs
from tests.backend.builders import client_of
from tests.backend.dashboard.builders import PAGE, token_in_page
from tests.rates.accept.builders import AUDITED, ERROR, OPEN, AcceptingStudio, annotations, audit, predict, serve
from tests.swap import swap

PATH = "/loop/projects/1/accept/"


@pytest.fixture
def studio():
    return AcceptingStudio(OPEN)


@pytest.fixture
def loop(app, studio, tmp_path, monkeypatch):
    """Open tasks of project 1, each with a sure box of the champion; jobs of pages are done at once."""
    (tmp_path / "some.pt").write_bytes(b"weights")
    rooms = app.extensions["rooms"]
    serve(rooms, tmp_path)
    app.extensions["rooms"] = loop = swap(rooms, (rooms.studio.client, studio))
    predict(loop, studio)
    monkeypatch.setattr(page_jobs, "run_in_turn", lambda name, project_id, work: work(loop))
    return loop


@pytest.fixture
def operator(app, loop):
    return client_of(app)


def read(operator, error=ERROR):
    return html.unescape(operator.get(PATH, query_string={"error": error} if error else {}).text)


def send(operator, action, **fields):
    fields["csrf_token"] = token_in_page(operator)
    return operator.post(PATH + action, data=fields, headers=PAGE, follow_redirects=True).text


def do_jobs(loop):
    """Do what was asked for, as a worker does."""
    for _, function, project, *more, given in loop.queue.page_jobs.values():
        getattr(page_jobs, function)(project, *more, **given)
    loop.queue.page_jobs.clear()


def test_a_plan_says_what_bears_it_out_and_is_done_as_by_the_command(operator, loop, studio):
    audit(loop, range(1000, 1000 + AUDITED))

    page = read(operator)
    assert f"{OPEN} of {OPEN} open tasks can be accepted" in page
    assert f"0 of {AUDITED} on {AUDITED} audited tasks" in page
    token = page.partition('name="token" value="')[2][:16]
    assert "asked for the job accept" in send(operator, "do", error=str(ERROR), token=token)
    assert not annotations(studio)
    do_jobs(loop)

    assert len(annotations(studio)) == OPEN
    assert f"Take {OPEN} back" in read(operator)
    send(operator, "undo", accepted=OPEN - 1)  # of a page that showed fewer
    do_jobs(loop)
    assert len(annotations(studio)) == OPEN
    send(operator, "undo", accepted=OPEN)
    do_jobs(loop)
    assert not annotations(studio)
    assert "Take" not in read(operator, error=None).partition("<main")[2]


def test_another_plan_than_the_one_shown_accepts_nothing(operator, loop, studio):
    audit(loop, range(1000, 1000 + AUDITED))
    send(operator, "do", error=str(ERROR), token="0" * 16)

    with pytest.raises(page_jobs.LoopError, match="belongs to another plan"):
        do_jobs(loop)
    assert not annotations(studio)


def test_without_an_audit_the_page_says_what_is_missing_and_has_no_button(operator, loop):
    page = read(operator)

    assert "Nothing can be accepted with 0 audited tasks" in page
    assert "Accept these tasks" not in page


@pytest.mark.parametrize("error", ["0", "0.6", "nan", "-1", "x", "1e400", "9" * 400])
def test_an_error_that_is_no_share_is_refused(operator, error):
    assert "a number from 0.001 to 0.5" in read(operator, error)
    assert "a number from 0.001 to 0.5" in html.unescape(send(operator, "do", error=error[:20], token="a"))


def test_without_a_version_that_serves_the_page_says_so(app):
    page = html.unescape(client_of(app).get(PATH, query_string={"error": ERROR}).text)

    assert "no version serves" in page
