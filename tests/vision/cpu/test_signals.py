"""A process handles signals after detectors left its memory, in whatever order and thread."""

import gc
import signal
import threading

import pytest

from loop.vision.cpu.export import export
from loop.vision.cpu.openvino_detector import OpenVinoDetector
from loop.vision.ultralytics_detector import UltralyticsDetector
from tests import child
from tests.vision.builders import SIDE, write_detector


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    weights = write_detector(folder / "tiny.pt")
    export(UltralyticsDetector(weights, device="cpu", image_size=SIDE), folder / "tiny.openvino")
    return folder / "tiny.openvino"


def free_in_the_order_of_loading(file):
    detectors = [OpenVinoDetector(file), OpenVinoDetector(file)]
    while detectors:
        del detectors[0]
        gc.collect()
    take_a_signal()


def free_in_another_thread(file):
    detectors = [OpenVinoDetector(file)]
    thread = threading.Thread(target=detectors.clear)
    thread.start()
    thread.join()
    gc.collect()
    take_a_signal()


def take_a_signal():
    handled = []
    signal.signal(signal.SIGUSR1, lambda *_: handled.append(1))
    signal.raise_signal(signal.SIGUSR1)
    assert handled


@pytest.mark.parametrize("free", [free_in_the_order_of_loading, free_in_another_thread])
def test_a_signal_is_handled_after_detectors_left_the_memory(exported, free):
    assert child.run(free, exported) == 0
