"""What people do in the pages: refused without a right or a token, and the same as the commands do."""

import pytest

from backend.dashboard.blueprint import dashboard
from loop.job_queue.queue import JobQueue
from loop.reviews.set_aside import Step
from tests.backend.builders import AUTH
from tests.backend.dashboard.builders import HOSTILE, PAGE, PROJECT, token_in_page
from tests.swap import swap


def actions(app):
    """Every path that acts, with numbers in place of its parts."""
    values = {"int": 1, "string": "x", "path": "x", "default": "x"}
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("dashboard.") and "POST" in rule.methods and rule.endpoint != "dashboard.sign_in":
            parts = {
                name: values["int"] if "Integer" in type(converter).__name__ else values["string"]
                for name, converter in rule._converters.items()
            }
            yield rule.build(parts)[1]


@pytest.fixture
def act(operator):
    """Send a form of our own page as the operator, and follow to the page that it leads to."""

    def send(path, **fields):
        fields["csrf_token"] = token_in_page(operator)
        return operator.post(f"/loop/{path}", data=fields, headers=PAGE, follow_redirects=True)

    return send


def test_no_action_is_done_without_its_token(filled, operator):
    statuses = {path: operator.post(path, data={"why": "x"}).status_code for path in actions(filled)}

    assert set(statuses.values()) == {403}, statuses
    assert len(statuses) > 4


def test_no_action_is_done_for_a_reader(filled):
    reader = {"Authorization": f"Bearer {filled.extensions['rooms'].access.tokens.add('r', is_read_only=True)}"}
    client = filled.test_client()
    token = token_in_page(client, reader)

    paths = set(actions(filled)) - {"/loop/sign-out"}
    statuses = {path: client.post(path, data={"csrf_token": token}, headers=reader).status_code for path in paths}

    assert set(statuses.values()) == {403}, statuses


def test_no_action_is_done_by_a_get(filled, operator):
    gets = {
        rule.rule
        for rule in filled.url_map.iter_rules()
        if rule.endpoint.startswith("dashboard.") and "GET" in rule.methods
    }
    posts = {
        rule.rule
        for rule in filled.url_map.iter_rules()
        if rule.endpoint.startswith("dashboard.") and "POST" in rule.methods
    }

    assert gets & posts == {"/loop/sign-in"}
    assert dashboard.name == "dashboard"


def test_a_reader_sees_no_button(filled):
    reader = {"Authorization": f"Bearer {filled.extensions['rooms'].access.tokens.add('r', is_read_only=True)}"}
    client = filled.test_client()

    for path in ("jobs/refresh-5", "events", "", f"projects/{PROJECT}/", f"projects/{PROJECT}/training/"):
        answer = client.get(f"/loop/{path}", headers=reader)
        assert answer.status_code == 200
        assert "<button" not in answer.text.partition("<main")[2]


def pending(app):
    return [event.id for event in app.extensions["rooms"].reviews.events.pending(PROJECT)]


def test_chosen_events_are_retried_and_dismissed(filled, act):
    retried = act(f"projects/{PROJECT}/events/retry", id=[1, 3])
    dismissed = act(f"projects/{PROJECT}/events/dismiss", id=2)

    assert "2 events are worked on again" in retried.text
    assert "1 events are dismissed" in dismissed.text
    assert pending(filled) == [1, 3]
    assert ("review", PROJECT) in filled.extensions["rooms"].queue.asked


def test_all_events_are_retried_at_once(filled, act):
    act(f"projects/{PROJECT}/events/retry", all="1")

    assert pending(filled) == [1, 2, 3]


ASKING = {  # actions that ask for a job, each with the page of its form
    "crops/look": "crops/?order=swapped",
    "clusters/discover": "clusters/",
    "taxonomy/calibrate": "taxonomy/",
}


@pytest.mark.parametrize("mount", ["", "/ml"])
@pytest.mark.parametrize("action", ASKING)
def test_an_action_without_redis_comes_back_to_the_page_of_its_form_with_a_message(filled, operator, action, mount):
    rooms = filled.extensions["rooms"]
    filled.extensions["rooms"] = swap(rooms, (rooms.queue, JobQueue("redis://127.0.0.1:9")))
    headers = {**PAGE, "Referer": f"http://localhost{mount}/loop/projects/{PROJECT}/{ASKING[action]}"}
    fields = {"csrf_token": token_in_page(operator), "order": "swapped"}

    place, base = f"/loop/projects/{PROJECT}", f"http://localhost{mount}"
    answer = operator.post(f"{place}/{action}", data=fields, headers=headers, base_url=base)

    assert answer.headers["Location"].rstrip("?") == f"{mount}{place}/{ASKING[action]}"
    assert "Redis did not answer" in operator.get(answer.headers["Location"].removeprefix(mount)).text


@pytest.mark.parametrize("referrer", [None, "http://[bad", "http://localhost/loop/nowhere", "https://evil.example//x"])
def test_an_action_of_no_page_that_fails_has_its_error_as_an_answer(filled, operator, referrer):
    rooms = filled.extensions["rooms"]
    filled.extensions["rooms"] = swap(rooms, (rooms.queue, JobQueue("redis://127.0.0.1:9")))
    headers = PAGE | ({"Referer": referrer} if referrer else {})
    fields = {"csrf_token": token_in_page(operator)}

    assert operator.post(f"/loop/projects/{PROJECT}/crops/look", data=fields, headers=headers).status_code == 502


@pytest.mark.parametrize("ids", [[], ["x"], ["-1"], ["1", "٣"], ["9" * 30], ["7"]], ids=str)
def test_events_that_are_not_set_aside_are_an_error(filled, act, ids):
    answer = act(f"projects/{PROJECT}/events/dismiss", id=ids)

    assert (answer.status_code, pending(filled)) == (400, [])
    assert len(filled.extensions["rooms"].reviews.events.find_set_aside(PROJECT)) == 3


def test_events_of_another_project_stay(filled, act):
    assert act("projects/1/events/retry", id=1).status_code == 400
    assert pending(filled) == []


def test_tasks_that_find_no_room_on_the_page_are_shown_on_request(filled, operator):
    tasks = range(1000, 1060)
    filled.extensions["rooms"].reviews.set_aside.replace(PROJECT, Step.JUDGE, tasks, dict.fromkeys(tasks, "no box"))

    assert "More rows" in operator.get("/loop/events").text
    assert operator.get("/loop/events?all=1").text.count("no box") == 60


@pytest.mark.parametrize("notice", ["", "nothing", "x" * 200, "\0", HOSTILE])
def test_a_delivery_that_is_not_there_is_an_error(act, notice):
    assert act("deliveries/retry", notice=notice).status_code == 400


def test_a_training_is_cancelled_as_the_command_does(filled, act):
    answer = act(f"jobs/retrain-{PROJECT}/cancel")

    assert "training 1" in answer.text
    assert filled.extensions["rooms"].trainings.store.get(1).is_cancelled


def test_the_button_names_the_job_that_it_was_drawn_for(filled, operator, act):
    assert 'name="run" value="training 1"' in operator.get(f"/loop/jobs/retrain-{PROJECT}").text

    assert act(f"jobs/retrain-{PROJECT}/cancel", run="training 7").status_code == 400
    assert not filled.extensions["rooms"].trainings.store.get(1).is_cancelled


def test_a_job_is_cancelled_and_one_that_ended_is_an_error(filled, act):
    assert "is stopped within seconds" in act(f"jobs/refresh-{PROJECT}/cancel").text
    assert act("jobs/nothing/cancel").status_code == 400
    assert filled.extensions["rooms"].queue.cancelled == [f"refresh-{PROJECT}"]


@pytest.mark.parametrize(
    "query", ["project=x", "project=0", f"project={2**70}", "since=yesterday", "page=-1", "page=" + "9" * 5000]
)
def test_a_query_that_cannot_be_read_is_an_error(operator, query):
    answer = operator.get(f"/loop/audit?{query}", headers=PAGE)

    assert (answer.status_code, answer.mimetype) == (400, "text/html")


@pytest.mark.parametrize("path", ["jobs/%2e%2e", "jobs/x%00", "jobs/%F0%9F", f"jobs/{'x' * 3000}"])
def test_a_job_of_an_odd_name_is_not_there(operator, path):
    assert operator.get(f"/loop/{path}", headers={**PAGE, **AUTH}).status_code == 404


def test_the_trail_is_shown_by_project_and_kind(operator):
    text = operator.get(f"/loop/audit?project={PROJECT}&kind=policy").text

    assert "retrain_after" in text
    assert '<th scope="row">label config</th>' not in text


def test_the_part_that_is_refreshed_says_the_same_as_the_overview(operator):
    part = operator.get(f"/loop/projects/{PROJECT}/now").text

    assert "epoch 3 of 10" in part
    assert part.strip() in operator.get(f"/loop/projects/{PROJECT}/").text
