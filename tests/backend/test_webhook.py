"""Events by webhook."""

import threading
import time

import pytest

from loop import secrecy
from loop.access.logins import Logins
from loop.errors import UpstreamError
from loop.installation.checks_work import refused_events
from loop.installation.findings import Level
from loop.label_studio.webhook import PROJECT_HEADER, SECRET_HEADER
from loop.memory_budget import Use, budget
from tests.backend.builders import AUTH
from tests.builders import created, ls_region
from tests.fakes import FakeQueue
from tests.reviews.record_lock import locked
from tests.services import until
from tests.swap import swap


def secret(rooms, project=1):
    return {PROJECT_HEADER: str(project), SECRET_HEADER: rooms.studio.backend.secret_of(project)}


def secret_of_nobody():
    return {PROJECT_HEADER: "1", SECRET_HEADER: "0" * 64}


def test_an_event_with_the_secret_is_appended_and_its_job_asked_for(client, rooms):
    answer = client.post("/webhook", json=created(ls_region()), headers=secret(rooms))

    assert answer.status_code == 202
    assert len(rooms.reviews.events.pending(1)) == 1
    until(lambda: rooms.queue.asked == [("review", 1)], 10)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({PROJECT_HEADER: "1", SECRET_HEADER: "guess"}, id="wrong"),
        pytest.param({PROJECT_HEADER: "1", SECRET_HEADER: ""}, id="empty"),
        pytest.param(AUTH, id="basic-auth-alone"),
    ],
)
def test_an_event_without_the_secret_is_refused(client, rooms, headers):
    answer = client.post("/webhook", json=created(ls_region()), headers=headers)

    assert answer.status_code == 401
    assert not rooms.reviews.events.pending(1)


def test_the_secret_of_one_project_does_not_open_another(client, rooms):
    headers = {PROJECT_HEADER: "1", SECRET_HEADER: rooms.studio.backend.secret_of(2)}

    assert client.post("/webhook", json=created(ls_region()), headers=headers).status_code == 401


def test_the_secret_is_asked_for_before_the_body_is_read(client):
    answers = [client.post("/webhook", data=b"{" * 1000, headers=headers) for headers in ({}, secret_of_nobody())]

    assert [answer.status_code for answer in answers] == [401, 401]


def test_the_secret_alone_says_of_no_project_that_it_is_right(client, rooms):
    headers = {SECRET_HEADER: rooms.studio.backend.secret_of(1)}

    answer = client.post("/webhook", json=created(ls_region()), headers=headers)

    assert (answer.status_code, answer.json["field"]) == (400, "project")


def test_an_event_of_a_project_that_is_not_connected_is_refused(client, rooms):
    answer = client.post("/webhook", json=created(ls_region()), headers=secret(rooms, 2))

    assert (answer.status_code, answer.json["type"]) == (404, "UnknownProject")
    assert rooms.reviews.events.pending_projects() == []


def test_the_events_of_wrong_secrets_leave_nothing_in_memory(client, rooms):
    rooms.studio.backend.secret_of(1)
    before = len(secrecy._known)

    for project in range(1, 50):
        client.post("/webhook", json={}, headers={PROJECT_HEADER: str(project), SECRET_HEADER: "guess"})

    assert len(secrecy._known) == before


def test_only_json_is_an_event(client, rooms):
    answer = client.post("/webhook", data="{}", content_type="text/plain", headers=secret(rooms))

    assert answer.status_code == 415


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}], ids=["nothing", "a-wrong-token"])
def test_start_training_without_a_login_is_refused(client, rooms, headers):
    answer = client.post("/webhook", json={"action": "START_TRAINING", "project": {"id": 1}}, headers=headers)

    assert answer.status_code == 401
    assert not rooms.reviews.events.pending(1)


def test_start_training_is_let_in_by_the_login_of_its_project_alone(client, rooms):
    login = Logins(rooms.access.logins.secrets).of_project(1)
    pressed = [
        client.post(
            "/webhook", json={"action": "START_TRAINING", "project": project}, auth=(login.user, login.password)
        )
        for project in (1, 2)
    ]

    assert [answer.status_code for answer in pressed] == [202, 403]


def test_start_training_is_let_in_by_basic_auth(client, rooms):
    answer = client.post("/webhook", json={"action": "START_TRAINING", "project": {"id": 1}}, headers=AUTH)

    assert answer.status_code == 202
    assert rooms.reviews.events.pending(1)[0].action == "START_TRAINING"


def test_pressing_start_training_twice_is_two_events(client, rooms):
    for _ in range(2):
        client.post("/webhook", json={"action": "START_TRAINING", "project": {"id": 1}}, headers=AUTH)

    assert len(rooms.reviews.events.pending(1)) == 2


class DownQueue(FakeQueue):
    is_down = True

    def ask_review(self, project_id):
        if self.is_down:
            raise UpstreamError("Redis did not answer")
        super().ask_review(project_id)


def test_an_event_is_taken_in_while_redis_is_down_and_its_job_is_asked_for_when_it_is_back(app, rooms):
    queue = DownQueue()
    app.extensions["rooms"] = swap(rooms, (rooms.queue, queue))

    answer = app.test_client().post("/webhook", json=created(ls_region()), headers=secret(rooms))
    queue.is_down = False

    assert answer.status_code == 202
    assert len(rooms.reviews.events.pending(1)) == 1
    until(lambda: queue.asked == [("review", 1)], 10)


def test_credentials_in_an_event_are_not_stored(client, rooms):
    event = created(ls_region()) | {"project": {"id": 1, "token": "s3cret"}}

    client.post("/webhook", json=event, headers=secret(rooms))

    assert "s3cret" not in str(rooms.reviews.events.pending(1)[0].payload)


LARGE = {**created(ls_region()), "unread": "x" * (2 * 2**20)}


def test_a_large_event_waits_a_moment_for_memory(client, rooms):
    loan = budget().take(Use.BODY, budget().total)
    threading.Timer(0.1, loan.end).start()

    answer = client.post("/webhook", json=LARGE, headers=secret(rooms))

    assert answer.status_code == 202


def test_a_large_event_is_refused_before_label_studio_hangs_up(client, rooms):
    with budget().take(Use.BODY, budget().total):
        answer = client.post("/webhook", json=LARGE, headers=secret(rooms))

    assert (answer.status_code, answer.json["type"]) == (503, "Overloaded")
    assert budget().held == 0


@pytest.mark.sqlite
def test_an_event_that_can_be_stored_nowhere_is_answered_503(client, rooms):
    (rooms.installation.trainings.runs.parent / "spool").write_text("no folder")
    with rooms.reviews.events.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE events")

    answer = client.post("/webhook", json=created(ls_region()), headers=secret(rooms))

    assert answer.status_code == 503
    assert "spool" in answer.json["error"]


@pytest.mark.sqlite
def test_after_a_lost_event_a_sync_is_asked_for_as_soon_as_the_records_take_something(client, rooms, settings):
    (settings.home / "spool").write_text("no folder")
    with locked(settings.home / "loop.sqlite3"):
        answers = [client.post("/webhook", json=created(ls_region()), headers=secret(rooms)) for _ in range(2)]
        time.sleep(1.5)
        asked_while_locked = list(rooms.queue.asked)

    assert [answer.status_code for answer in answers] == [503, 503]
    assert asked_while_locked == []
    until(lambda: rooms.queue.asked == [("sync", 1)], 10)
    assert rooms.reviews.refusals.of(1).count == 2


@pytest.mark.sqlite
def test_an_event_in_a_file_is_recorded_as_soon_as_the_records_take_it_without_any_worker(client, rooms, settings):
    with locked(settings.home / "loop.sqlite3"):
        answer = client.post("/webhook", json=created(ls_region()), headers=secret(rooms))
        waiting = rooms.reviews.events.spool.count()

    assert (answer.status_code, waiting) == (202, 1)
    until(lambda: len(rooms.reviews.events.pending(1)) == 1, 10)
    until(rooms.reviews.events.spool.is_empty, 10)


def test_an_event_that_is_refused_for_what_it_is_asks_for_no_sync(client, rooms):
    client.post("/webhook", json={"action": "no name"}, headers=secret(rooms))
    client.post("/webhook", json=created(ls_region()), headers=secret_of_nobody())

    assert client.application.extensions["retries"].is_idle()
    assert rooms.queue.asked == []  # nor was it asked for already


def test_refused_events_are_logged_counted_and_named_by_the_doctor_until_others_are_accepted(client, rooms, caplog):
    project = rooms.studio.projects.get(1)
    wrong = {PROJECT_HEADER: "1", SECRET_HEADER: "of another machine"}
    client.post("/webhook", json=created(ls_region()), headers=wrong)

    (refused,) = refused_events(rooms.installation, project)
    client.post("/webhook", json=created(ls_region()), headers=secret(rooms))
    (accepted,) = refused_events(rooms.installation, project)

    assert "an event for project 1 from 127.0.0.1 is refused: wrong X-Loop-Secret for project 1" in caplog.text
    assert 'loop_events_refused_total{status="401"}' in client.get("/metrics", headers=AUTH).text
    assert (refused.level, "wrong X-Loop-Secret" in refused.found) == (Level.WRONG, True)
    assert refused.advice.startswith("run `loop sync --project 1`, which repairs the webhook")
    assert accepted.level == Level.OK


def test_rubbish_makes_no_more_than_a_write_a_second_and_none_for_projects_that_nobody_connected(client, rooms):
    for project in ("1", "1", "1", "9", "rubbish", ""):
        client.post("/webhook", json=created(ls_region()), headers={PROJECT_HEADER: project, SECRET_HEADER: "guess"})

    assert rooms.reviews.refusals.of(1).count == 1  # the others wait for the next write
    assert rooms.reviews.refusals.of(9) is None
