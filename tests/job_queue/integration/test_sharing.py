"""Places of long jobs, and claims of jobs that share a work, on a real Redis-protocol server."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from rq import Queue, SimpleWorker

from loop.installation.processes import EmbeddedRedis
from loop.job_queue.claims import ClaimedItems
from loop.job_queue.job_places import WAITING_SECONDS, PlaceCounts
from loop.job_queue.queue import DEFAULT


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


def register_workers(connection, count):
    for _ in range(count):
        SimpleWorker([Queue(DEFAULT, connection=connection)], connection=connection).register_birth()


def test_a_work_that_waited_longer_for_a_place_comes_first(jobs, connection):
    register_workers(connection, 2)
    with jobs.leave_a_worker("refresh", "1"):
        for work in ("2", "3"):
            with jobs.leave_a_worker("refresh", work) as has_place:
                assert not has_place
        assert 0 < jobs.longest_wait("refresh", "1") < 5

    places = {}
    for work in ("1", None, "3", "2", "3", "1", None):  # the first has just given way
        with jobs.leave_a_worker("refresh", work) as has_place:
            places.setdefault(work, []).append(has_place)

    assert places == {"1": [False, True], None: [False, True], "3": [False, True], "2": [True]}
    assert jobs.longest_wait("refresh", "1") == 0


def test_a_work_that_asks_no_more_for_a_place_waits_no_more(jobs, connection):
    with jobs.leave_a_worker("refresh", "1"), jobs.leave_a_worker("refresh", "2"):
        assert 0 < connection.pttl("loop:waiting:refresh:2") <= 1000 * WAITING_SECONDS


def test_places_are_counted(jobs, connection):
    register_workers(connection, 4)

    with jobs.leave_a_worker("refresh", "1"):
        assert jobs.count_places("refresh") == PlaceCounts(3, 2)


def test_an_item_is_claimed_by_one_job_until_that_has_ended(jobs):
    with jobs.alone("a"), jobs.alone("b"):
        assert jobs.claim("work", "a", [1, 2]) == ClaimedItems(frozenset({1, 2}), frozenset(), frozenset())
        assert jobs.claim("work", "b", [2, 3]) == ClaimedItems(frozenset({3}), frozenset(), frozenset({2}))
        assert jobs.claim("work", "a", [1]).new == {1}
        assert jobs.claim("other work", "b", [1]).new == {1}

    with jobs.alone("c"):
        assert jobs.claim("work", "c", [2, 3, 4]) == ClaimedItems(frozenset({4}), frozenset({2, 3}), frozenset())


def test_of_jobs_that_claim_at_once_one_has_each_item(jobs):
    with jobs.alone("0"), jobs.alone("1"), jobs.alone("2"), ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda holder: jobs.claim("work", str(holder), range(3000)), range(3)))

    assert sorted(item for answer in answers for item in answer.new) == list(range(3000))


def test_jobs_count_together_what_they_have_done(jobs):
    jobs.count_done("refresh-1", "old", 7)

    counts = [
        jobs.count_done("refresh-1", "a", 2, is_first=True),
        jobs.count_done("refresh-1", "b", 3),
        jobs.count_done("refresh-1", "a", 4),
    ]

    assert counts == [2, 5, 7]
