"""How a training measures its candidate."""

from loop.training.retrain import retrain
from tests.swap import swap
from tests.training.builders import last
from tests.training.fakes import Measuring


def test_all_files_of_a_training_are_measured_by_the_labels_that_classes_mean(asked):
    maps = []

    class Noting(Measuring):
        def evaluate(self, weights, data, framing=None, *labels):
            maps.append([label_map(["Car", "Tram"]) for label_map in labels])
            return super().evaluate(weights, data, framing, *labels)

    retrain(swap(asked, (asked.gate.evaluator, Noting())).trainings, 1)

    assert last(asked).status == "promoted"
    assert maps
    assert all(labels == [{"Car": "Car"}] for labels in maps)
