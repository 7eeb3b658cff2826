"""One network in memory for one content of weights, however many projects and requests hold it."""

import gc
import shutil
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loop.registry.detectors import Detectors
from loop.vision.tiling.tiles import Framing
from tests.builders import picture
from tests.vision.builders import SIDE, write_detector


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("weights") / "tiny.pt")


@pytest.fixture
def detectors(weights, tmp_path):
    return Detectors("cpu", SIDE, str(weights), tmp_path)


def test_files_of_one_content_share_one_detector(detectors, weights, tmp_path):
    copy = shutil.copy(weights, tmp_path / "other-name.pt")

    first, second = detectors.load(weights), detectors.load(copy)

    assert first is second


def test_another_size_is_another_detector(detectors, weights):
    assert detectors.load(weights) is not detectors.load(weights, Framing(SIDE + 32))


def test_threads_that_come_at_once_share_one_detector(detectors, weights):
    together = threading.Barrier(4)

    def load(_):
        together.wait()
        return detectors.load(weights)

    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(load, range(4)))

    assert len({id(detector) for detector in loaded}) == 1


def test_a_detector_that_nobody_holds_leaves_the_memory(detectors, weights):
    watched = weakref.ref(detectors.load(weights))

    gc.collect()

    assert watched() is None


def test_what_is_loaded_in_a_block_that_keeps_it_stays_until_its_end(detectors, weights):
    with detectors.keep():
        watched = weakref.ref(detectors.load(weights))
        gc.collect()
        is_kept = watched() is not None
    gc.collect()

    assert (is_kept, watched()) == (True, None)


def test_a_broken_detector_is_not_given_again(detectors, weights):
    broken = detectors.load(weights)
    broken.is_broken = True

    again = detectors.load(weights)

    assert again is not broken
    assert not again.is_broken


class TakingTurns(Detectors):
    """Loads detectors that note who was called."""

    def load(self, weights, framing=None):
        calls = self.calls = getattr(self, "calls", [])

        class Noting:
            def detect(self, images, floor):
                calls.append(weights.name)

        return Noting()


def test_two_that_are_timed_take_turns_in_both_orders(tmp_path):
    (tmp_path / "image.jpg").write_bytes(picture())
    timed = TakingTurns("cpu", None, "", tmp_path)

    timed.latencies([(Path(name), Framing()) for name in ("a", "b")], [tmp_path / "image.jpg"], times=4)

    rounds = [timed.calls[at : at + 2] for at in range(0, len(timed.calls), 2)][-4:]
    assert sorted(map("".join, rounds)) == ["ab", "ab", "ba", "ba"]
