"""Images are loaded for work on each: in order, ahead as memory allows, each in memory no longer than needed."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from loop.errors import ImageUnreadable, Overloaded
from loop.label_studio.payloads import Task
from loop.memory_budget import Use, budget
from loop.vision.loading import AHEAD, FetchedFile, load_each

FILE, PICTURE = 10, 100  # bytes


class Drawn:
    """Images of 10 pixels that say their task; counts how many are in memory."""

    def __init__(self, broken=(), need=PICTURE):
        self._broken, self._need = broken, need
        self.fetched, self.decoded = [], []

    def largest_file(self, task):
        return 4 * FILE

    def fetch_file(self, task):
        time.sleep(0.002 * (task.id % 3))
        self.fetched.append(task.id)
        if task.id in self._broken:
            raise ImageUnreadable(task.image, "HTTP 404")
        return FetchedFile(bytes([task.id]) * FILE, task.image, self._need)

    def decode_file(self, file):
        self.decoded.append(file.content[0])
        return np.full((2, 5, 3), file.content[0], np.uint8)


@pytest.fixture(autouse=True)
def total():
    """Set the budget of this process for one test."""
    own = budget()
    before = own.total, own.seconds

    def set_total(total, seconds=5.0):
        own.total, own.seconds = total, seconds

    yield set_total
    assert own.held == 0
    own.total, own.seconds = before


def tasks(count):
    return [Task(number, f"/{number}.png") for number in range(1, count + 1)]


def first_pixel(task, image):
    return task.id, int(image[0, 0, 0])


@pytest.mark.parametrize("room", [1, 150, 350, 10**9], ids=["less-than-one", "one", "three", "all"])
def test_each_result_stands_in_its_place_whatever_the_budget(total, room):
    total(room)

    results = list(load_each(Drawn(broken=[3, 20]), tasks(20), first_pixel))

    assert [result for result in results if isinstance(result, tuple)] == [
        (number, number) for number in range(1, 20) if number != 3
    ]
    assert [isinstance(results[place], ImageUnreadable) for place in (2, 19)] == [True, True]


def test_images_are_in_memory_within_the_budget_only(total):
    total(4 * PICTURE)
    held = []

    list(load_each(Drawn(), tasks(50), lambda *_: held.append(budget().held)))

    assert max(held) <= 4 * PICTURE


def test_without_a_consumer_few_are_decoded_and_a_window_is_fetched(total, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    total(10**9)
    source = Drawn()
    results = load_each(source, tasks(100), first_pixel)

    next(results)
    time.sleep(0.2)

    assert len(source.fetched) == AHEAD
    assert 1 <= len(source.decoded) <= 2
    results.close()


def test_an_error_of_the_work_ends_it_and_gives_the_memory_back(total):
    def fail(task, image):
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        list(load_each(Drawn(), tasks(20), fail))


def test_who_gets_no_memory_in_time_is_refused(total):
    total(10 * PICTURE, seconds=0.05)

    with budget().take(Use.PICTURE, 10 * PICTURE), pytest.raises(Overloaded):
        list(load_each(Drawn(), tasks(3), first_pixel))


@pytest.mark.parametrize("room", [1, 150, 350])
def test_many_at_once_in_little_memory_all_come_to_their_end(total, room):
    total(room, seconds=20)
    at_once = 8
    together = threading.Barrier(at_once)

    def request(_):
        together.wait()
        return [result[1] for result in load_each(Drawn(), tasks(12), first_pixel)]

    with ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(request, range(at_once)))

    assert answers == [list(range(1, 13))] * at_once


@pytest.mark.parametrize("room", [1, 150, 350, 10**9], ids=["less-than-one", "one", "three", "all"])
def test_work_on_several_images_at_once_gives_the_same_whatever_the_budget(total, room):
    total(room)
    one_by_one = list(load_each(Drawn(broken=[3, 20]), tasks(20), first_pixel))

    results = list(load_each(Drawn(broken=[3, 20]), tasks(20), first_pixel, 3))

    assert [str(result) for result in results] == [str(result) for result in one_by_one]


def test_several_images_are_worked_on_at_once(total):
    total(10**9)
    both = threading.Barrier(2, timeout=10)

    results = list(load_each(Drawn(), tasks(6), lambda *_: both.wait() in (0, 1), 2))

    assert results == [True] * 6


def test_an_error_of_the_work_on_several_images_ends_it_and_gives_the_memory_back(total):
    def fail(task, image):
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        list(load_each(Drawn(), tasks(20), fail, 3))


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_task_is_taken_when_its_file_is_about_to_be_fetched(total, at_once):
    total(10**9)
    taken = []

    def endless():
        for number in itertools.count(1):
            taken.append(number)
            yield Task(number % 256, "/a.png")

    results = load_each(Drawn(), endless(), first_pixel, at_once)
    first = [next(results)[0] for _ in range(3)]
    results.close()

    assert first == [1, 2, 3]
    assert len(taken) <= 3 + 2 * AHEAD
