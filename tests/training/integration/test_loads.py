"""A training loads each export that its gate measures once."""

from collections import Counter
from dataclasses import replace

from loop.gate.evaluator import Evaluator
from loop.registry.detectors import Detectors
from loop.storage.files import sha256_of
from loop.training.retrain import retrain
from loop.vision.cpu.model_file import SUFFIX
from scripts.demo.scenes import WARM_START
from tests.swap import swap
from tests.training.builders import the_training


class Counting(Detectors):
    """Detectors that count the files they load into memory, by content, size and suffix."""

    def __init__(self, folder):
        super().__init__("cpu", 64, str(WARM_START), folder)
        self.loads = Counter()

    def _load(self, weights, size):
        self.loads[sha256_of(weights), size, weights.suffix] += 1
        return super()._load(weights, size)


def test_an_export_is_loaded_once_to_be_checked_measured_and_timed(small, tmp_path):
    rooms, detectors = small[1], Counting(tmp_path)
    held = replace(rooms.gate.policy, least_images=1000)  # a promotion loads it once more, as a web process does
    rooms = swap(
        rooms,
        (rooms.registry.detectors, detectors),
        (rooms.gate.evaluator, Evaluator(detectors)),
        (rooms.gate.policy, held),
    )

    retrain(rooms.trainings, 1)

    assert the_training(rooms).status == "held"
    assert [count for (_, _, suffix), count in detectors.loads.items() if suffix == SUFFIX] == [1]
