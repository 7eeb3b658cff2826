"""A thread loads the next batches of a training while the step works on one."""

import threading

import pytest

from loop.training.read_ahead import ReadAhead


class Loader:
    """Loads numbers; notes which were loaded, and by which thread."""

    def __init__(self, count, broken=None):
        self._count, self._broken = count, broken
        self.loaded, self.threads, self.is_ahead = [], set(), threading.Event()

    def __len__(self):
        return self._count

    def __iter__(self):
        for number in range(self._count):
            if number == self._broken:
                raise OSError("a file is gone")
            self.loaded.append(number)
            self.threads.add(threading.get_ident())
            if number:
                self.is_ahead.set()
            yield number


def test_an_epoch_has_all_batches_in_their_order_each_time():
    ahead = ReadAhead(Loader(5))

    assert (len(ahead), list(ahead), list(ahead)) == (5, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4])


def test_the_next_batch_is_loaded_while_the_step_works():
    loader = Loader(3)

    first = next(iter(ReadAhead(loader)))

    assert first == 0
    assert loader.is_ahead.wait(10)
    assert threading.get_ident() not in loader.threads


def test_an_epoch_that_stops_early_leaves_no_thread():
    before = threading.active_count()

    for _ in ReadAhead(Loader(100)):
        break

    assert threading.active_count() == before


def test_what_goes_wrong_in_the_thread_goes_wrong_in_the_training():
    with pytest.raises(OSError, match="a file is gone"):
        list(ReadAhead(Loader(5, broken=3)))


def test_what_ultralytics_asks_of_its_loader_the_loader_answers():
    loader = Loader(5)

    assert ReadAhead(loader).loaded is loader.loaded
