"""Several jobs predict the open tasks of one project: none is predicted twice, and none is left."""

from datetime import timedelta

import pytest

from loop.errors import UpstreamError
from loop.job_queue.claims import ClaimedItems
from loop.job_queue.job_places import PlaceCounts
from loop.job_queue.progress import JobProgress
from loop.serving import refresh as refreshing
from loop.serving import store_predictions
from loop.serving.open_tasks import shared_tasks
from loop.serving.refresh import is_due, refresh, share
from loop.serving.shares import ask_shares, deal
from tests.fakes import FakeQueue
from tests.swap import swap

VERSION = "yolo_detector@1.0.0"


class Shared(FakeQueue):
    """Another job holds some tasks until it ends, at the third claim; it has stored predictions of those in *done*."""

    def __init__(self, client, held=(), done=()):
        super().__init__()
        self._client, self._held, self._done = client, frozenset(held), done
        self.claims = 0

    def claim(self, work, holder, items):
        self.claims += 1
        theirs = self._held & frozenset(items)
        if self.claims < 3:
            return ClaimedItems(frozenset(items) - theirs, frozenset(), theirs)
        if self.claims == 3:
            for task in self._client.tasks:
                if task["id"] in self._done:
                    task["predictions"] = [{"id": 9, "model_version": VERSION, "result": [{"id": "a"}]}]
        return ClaimedItems(frozenset(items) - theirs, theirs, frozenset())

    def count_done(self, work, holder, done, *, is_first=False):
        return done + len(self._done)


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr(shared_tasks, "LOOK_SECONDS", 0.01)


def stored(rooms):
    return sorted(row["task"] for row in rooms.studio.client.stored)


def test_tasks_that_another_job_has_are_left_to_it_and_those_that_it_left_are_predicted(ready):
    queue = Shared(ready.studio.client, held=[2, 4], done=[2])

    line = refresh(swap(ready, (ready.queue, queue)).serving, 1)

    assert stored(ready) == [1, 4, 5]
    assert "4 of 5 open tasks predicted" in line
    assert not is_due(ready.serving, ready.studio.projects.get(1))


def test_a_share_leaves_all_but_the_predictions_to_the_refresh(ready):
    line = share(swap(ready, (ready.queue, Shared(ready.studio.client, held=[2, 4]))).serving, 1)

    assert stored(ready) == [1, 5]
    assert line == f"{VERSION}: 2 open tasks predicted beside the refresh"
    assert is_due(ready.serving, ready.studio.projects.get(1))
    assert ready.studio.client.fields["model_version"] == ""


def test_a_share_of_what_is_done_loads_nothing(ready):
    refresh(ready.serving, 1)

    assert share(ready.serving, 1) == "nothing to share"


def test_redis_that_comes_back_costs_no_run(ready, monkeypatch):
    queue, claim, failures = FakeQueue(), FakeQueue.claim, [UpstreamError("no answer")] * 2

    def fail_first(*given):
        if failures:
            raise failures.pop()
        return claim(queue, *given)

    queue.claim = fail_first

    refresh(swap(ready, (ready.queue, queue)).serving, 1)

    assert stored(ready) == [1, 2, 4, 5]


@pytest.mark.parametrize(("run", "waited"), [(share, 1.0), (refresh, 30.0)], ids=["a-share-at-once", "a-refresh-soon"])
def test_a_run_gives_way_to_the_refresh_of_another_project(ready, monkeypatch, run, waited):
    monkeypatch.setattr(refreshing, "TURN", timedelta())
    monkeypatch.setattr(store_predictions, "BATCH", 1)
    queue = FakeQueue()
    queue.longest_wait = lambda kind, work: (
        waited if (kind, work) == ("refresh", "1") and ready.studio.client.stored else 0
    )

    line = run(swap(ready, (ready.queue, queue)).serving, 1)

    assert line.endswith("then it gives way to another project, and goes on after it")
    assert 0 < len(stored(ready)) < 4
    assert is_due(ready.serving, ready.studio.projects.get(1))


@pytest.mark.parametrize(
    ("due", "left", "free", "dealt"),
    [
        pytest.param([1], {1: 5000}, 0, [], id="no-place"),
        pytest.param([1], {1: 5000}, 3, [1, 1, 1], id="all-places"),
        pytest.param([1, 2], {1: 5000, 2: 9000}, 3, [1, 2, 1], id="two-long-ones"),
        pytest.param([1, 2], {1: 5000}, 3, [1, 1], id="a-place-for-one-that-waits"),
        pytest.param([1, 2], {1: 5000, 2: 100}, 2, [1, 1], id="a-short-one-needs-no-help"),
        pytest.param([2], {}, 2, [], id="none-runs"),
    ],
)
def test_free_places_are_dealt_to_long_refreshes(due, left, free, dealt):
    assert deal(due, left, free) == dealt


def test_the_sweep_asks_for_as_many_shares_as_have_a_place(ready):
    queue = FakeQueue()
    queue.progress = [("refresh-1", JobProgress(200, 5000, 10.0))]
    queue.count_places = lambda kind: PlaceCounts(all=4, free=2)
    asked = []
    queue.ask_refresh_share = lambda project_id, number: number > 0 and asked.append((project_id, number)) is None

    assert ask_shares(swap(ready, (ready.queue, queue)).serving, [1]) == [1, 1]
    assert asked == [(1, 1), (1, 2)]  # the first one runs already
