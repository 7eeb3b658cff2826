"""Memory is lent within a budget, in turn, and never so that nobody can go on."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from loop.errors import Overloaded
from loop.memory_budget import MemoryBudget, Use


@pytest.fixture
def budget():
    return MemoryBudget(total=100, seconds=0.05)


def test_what_fits_is_lent_and_comes_back(budget):
    with budget.take(Use.PICTURE, 60), budget.take(Use.PICTURE, 40):
        assert budget.held == 100

    assert budget.held == 0


def test_who_finds_no_room_in_time_is_refused_and_told_the_setting(budget):
    with budget.take(Use.PICTURE, 60), pytest.raises(Overloaded, match="LOOP_IMAGE_MEMORY"):
        budget.take(Use.PICTURE, 41)

    assert budget.held == 0


def test_who_waits_gets_room_when_it_comes_free(budget):
    budget.seconds = 10
    first = budget.take(Use.PICTURE, 60)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(budget.take, Use.PICTURE, 60)
        first.shrink(40)

        assert second.result(5).size == 60


def test_one_picture_that_is_larger_than_the_budget_passes_alone(budget):
    with budget.take(Use.PICTURE, 1000), pytest.raises(Overloaded):
        budget.take(Use.PICTURE, 1)

    with budget.take(Use.PICTURE, 1), pytest.raises(Overloaded):
        budget.take(Use.PICTURE, 1000)


def test_a_large_one_that_waits_is_not_overtaken_by_small_ones(budget):
    budget.seconds = 10
    first = budget.take(Use.PICTURE, 50)
    with ThreadPoolExecutor(1) as pool:
        large = pool.submit(budget.take, Use.PICTURE, 90)
        while small := budget.take_now(Use.PICTURE, 10):  # until the large one stands in line
            small.end()
        first.end()

        assert large.result(5).size == 90


def test_files_and_bodies_leave_room_for_pictures(budget):
    with budget.take(Use.BODY, 25), budget.take(Use.FILE, 25):
        assert budget.take_now(Use.BODY, 1) is None
        assert budget.take_now(Use.FILE, 1) is None
        assert budget.take_now(Use.PICTURE, 50)


@pytest.mark.parametrize("size", [5, 30, 200])
def test_requests_that_take_all_three_never_stop_each_other(size):
    budget, ended = MemoryBudget(total=100, seconds=20), threading.Barrier(12, timeout=15)

    def request(_):
        for _ in range(20):
            with budget.take(Use.BODY, size), budget.take(Use.FILE, size), budget.take(Use.PICTURE, size):
                pass
        ended.wait()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(request, range(12)))

    assert budget.held == 0
