"""Work by several threads on more things than fit into memory."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from loop.ordered_map import AHEAD, CHUNK, map_in_order


def late(number):
    time.sleep(random.random() / 500)
    return number * number


@pytest.mark.parametrize("count", [0, 1, CHUNK, 2 * AHEAD * CHUNK + 1])
def test_results_come_in_the_order_of_the_things(count):
    with ThreadPoolExecutor(8) as pool:
        assert list(map_in_order(pool, late, iter(range(count)))) == [number * number for number in range(count)]


def test_few_things_are_taken_before_they_are_needed():
    taken = 0

    def things():
        nonlocal taken
        while True:
            taken += 1
            yield taken

    with ThreadPoolExecutor(2) as pool:
        results = map_in_order(pool, str, things())
        for number in range(1, 3000):
            assert next(results) == str(number)
            assert taken - number <= AHEAD * CHUNK
        results.close()


def test_an_error_of_the_work_is_raised():
    with ThreadPoolExecutor(2) as pool, pytest.raises(ZeroDivisionError):
        list(map_in_order(pool, lambda number: 1 / number, range(3)))
