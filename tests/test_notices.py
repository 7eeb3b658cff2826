"""A notice as its receivers get it."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks import WebhookVerificationError

from loop.delivery import RetryPolicy, headers, standard_key
from loop.notices import DeliveryState, Notice, NoticeKind, Outbox
from loop.registry.promote import announce_move, promote, roll_back
from loop.settings import Settings
from loop.wiring import build
from tests.builders import NOON, created, ls_region, posted_notices, region, served
from tests.reviews.builders import take
from tests.swap import swap

NOTICE = Notice("a-b-c", 7, "review.recorded", {"task": 1, "text": "ü"}, NOON)
API_PAGE = (Path(__file__).parent.parent / "docs" / "api.md").read_text()


@pytest.fixture
def outbox(rooms):
    return Outbox(rooms.engine, ["http://one.example/", "http://two.example/", "http://one.example/"])


def read_notice(headers, body, key):
    """Run the snippet that the page gives to receivers."""
    (snippet,) = re.findall(r"```python\n(from standardwebhooks.*?)```", API_PAGE, re.DOTALL)
    names = {}
    exec(snippet, names)  # noqa: S102 (it is our own)
    return names["read_notice"](headers, body, key)


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("s3cret", id="text"),
        pytest.param("ümläut 🐞 \x00", id="text-beyond-ascii"),
        pytest.param("f0" * 32, id="hexadecimal"),
        pytest.param("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id="standard"),
        pytest.param("whsec_", id="no-standard-one"),
        pytest.param("whsec_abc", id="no-base64"),
    ],
)
def test_a_receiver_can_check_what_is_sent_as_the_page_says(secret):
    sent = headers(NOTICE, standard_key(secret), datetime.now(UTC))

    assert read_notice(sent, NOTICE.body(), standard_key(secret)) == json.loads(NOTICE.body())


@pytest.mark.parametrize(
    ("changed", "more", "key"),
    [
        pytest.param({}, b"", "guess", id="other-key"),
        pytest.param({}, b" ", "s3cret", id="other-body"),
        pytest.param({"webhook-timestamp": str(int(time.time()) - 1)}, b"", "s3cret", id="other-time"),
        pytest.param({"webhook-id": "other"}, b"", "s3cret", id="other-id"),
    ],
)
def test_what_was_changed_on_the_way_is_not_ours(changed, more, key):
    sent = headers(NOTICE, standard_key("s3cret"), datetime.now(UTC))

    with pytest.raises(WebhookVerificationError):
        read_notice(sent | changed, NOTICE.body() + more, standard_key(key))


def test_an_old_notice_cannot_be_played_again():
    sent = headers(NOTICE, standard_key("s3cret"), datetime.now(UTC) - timedelta(hours=1))

    with pytest.raises(WebhookVerificationError, match="too old"):
        read_notice(sent, NOTICE.body(), standard_key("s3cret"))


def test_a_standard_key_is_used_as_it_is_and_any_other_text_by_its_bytes():
    assert standard_key("whsec_c3VwZXJzZWNyZXQ=") == standard_key("supersecret") == "whsec_c3VwZXJzZWNyZXQ="


def test_a_body_says_what_happened():
    content = json.loads(NOTICE.body())

    assert content == {
        "id": "a-b-c",
        "kind": "review.recorded",
        "project": 7,
        "created_at": NOON.isoformat(),
        "data": {"task": 1, "text": "ü"},
    }


def test_the_waits_grow_and_make_about_a_day():
    policy = RetryPolicy()

    waits = [policy.next_wait(attempts, 0.5) for attempts in range(1, policy.most_attempts)]

    assert waits[0] == timedelta(seconds=5)
    assert waits == sorted(waits)
    assert timedelta(hours=20) < sum(waits, timedelta()) < timedelta(hours=28)
    assert policy.next_wait(policy.most_attempts, 0.5) is None


def test_chance_spreads_the_waits():
    policy = RetryPolicy()

    assert policy.next_wait(3, 0.0).total_seconds() == pytest.approx(36)
    assert policy.next_wait(3, 1.0).total_seconds() == pytest.approx(54)


def test_the_secret_is_the_operators_or_follows_from_the_key_in_the_records(tmp_path):
    def open_rooms(home="home", **more):
        return build(Settings.read({"LOOP_HOME": str(tmp_path / home), **more}), migrate=True)

    def key(**more):
        return open_rooms(**more).sender.key()

    assert key(LOOP_NOTIFY_SECRET="mine") == standard_key("mine")
    assert key() == key()
    assert key() != standard_key(open_rooms().studio.backend.secret_of(1))
    assert key(home="other", LOOP_WEBHOOK_SECRET="shared") == key(home="third", LOOP_WEBHOOK_SECRET="shared") != key()


def test_a_notice_is_due_to_every_receiver_once(outbox):
    assert outbox.post(1, "rates.alert", "week-3", {"x": 1})
    assert not outbox.post(1, "rates.alert", "week-3", {"x": 1})

    assert [one.url for one in outbox.last()] == ["http://one.example/", "http://two.example/"]
    assert outbox.is_due()
    assert len(outbox.due("http://one.example/", most=10)) == 1


def test_what_a_receiver_took_is_not_due_any_more(outbox):
    outbox.post(1, "rates.alert", "week-3", {})
    (delivery,) = outbox.due("http://one.example/", most=1)

    outbox.record(delivery, status=204, error=None)

    assert outbox.due("http://one.example/", most=1) == []
    assert {one.state for one in outbox.last()} == {DeliveryState.DELIVERED, DeliveryState.WAITING}


def test_a_receiver_that_is_no_longer_configured_is_sent_nothing(rooms, outbox):
    outbox.post(1, "rates.alert", "week-3", {})

    assert not Outbox(rooms.engine, []).is_due()
    assert not Outbox(rooms.engine, ["http://three.example/"]).is_due()


def test_a_given_up_delivery_is_due_again_when_asked_for(outbox):
    outbox.post(1, "rates.alert", "week-3", {})
    (delivery,) = outbox.due("http://one.example/", most=1)
    outbox.record(delivery, status=500, error="answered 500", due_at=None)
    (failed,) = outbox.last(is_failed=True)
    assert failed.state == DeliveryState.GIVEN_UP

    assert outbox.retry(failed.notice.id) == 2  # the other receiver still waits for it

    (again,) = outbox.due("http://one.example/", most=1)
    assert again.attempts == 0
    assert outbox.retry("unknown") == 0


@pytest.fixture
def posting(rooms):

    return swap(rooms, (rooms.outbox, Outbox(rooms.engine, ["http://one.example/"])))


def test_a_review_is_told_once_for_each_state_it_counts_in(posting):
    posting.serving.predictions.append([served(region("p"))])
    event = created(ls_region("p"))

    take(posting, event, event)
    take(posting, created(ls_region("p", label="Person"), edited=5))
    take(posting, created(annotation=2, task=2, was_cancelled=True))  # a skip is no review

    told_of = posted_notices(posting)
    assert [kind for kind, _ in told_of] == ["review.recorded"] * 2
    assert [data["verdicts"] for _, data in told_of] == [{"confirmed": 1}, {"corrected": 1}]
    assert told_of[0][1] | {"verdicts": 0} == {
        "task": 1,
        "annotation": 1,
        "annotator": 1,
        "reviewed_at": NOON.isoformat(),
        "regions": 1,
        "version": "yolo_detector@1.0.0",
        "verdicts": 0,
    }


def test_a_review_of_a_task_without_prediction_is_told_too(posting):
    take(posting, created(ls_region("d")))

    assert [data["version"] for _, data in posted_notices(posting)] == [None]


def test_a_move_of_the_champion_is_told_once(posting, tmp_path):
    (tmp_path / "some.pt").write_bytes(b"weights")
    first, second = (posting.registry.versions.add(1, tmp_path / "some.pt") for _ in range(2))

    promote(posting.registry, 1, first.name, "better")
    promote(posting.registry, 1, second.name, "better still")
    roll_back(posting.registry, 1, "worse")
    promote(posting.registry, 1, first.name, "it serves already")
    announce_move(posting.registry, first, NoticeKind.MODEL_PROMOTED, "after a crash")

    assert posted_notices(posting) == [
        ("model.promoted", {"version": first.name, "why": "better"}),
        ("model.promoted", {"version": second.name, "why": "better still"}),
        ("model.rolled_back", {"version": first.name, "why": "worse"}),
    ]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"value": float("nan"), "when": NOON, "path": {1, 2}, "bytes": b"x", 7: "key"}, id="no-json"),
        pytest.param({"text": "\ud800\0"}, id="surrogate"),
    ],
)
def test_a_notice_is_json_for_every_receiver(rooms, body):
    outbox = Outbox(rooms.engine, ["http://127.0.0.1:1/"])

    outbox.post(1, "training.finished", "1", body)

    (delivery,) = outbox.due("http://127.0.0.1:1/", most=5)
    assert json.loads(delivery.notice.body(), parse_constant=pytest.fail)["kind"] == "training.finished"
