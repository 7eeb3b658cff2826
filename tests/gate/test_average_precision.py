"""Average precision on resamples of the images."""

import time

import numpy as np
import pytest

from loop.gate.average_precision import average_classes, average_precisions, resample
from loop.gate.comparison import contrast
from loop.vision.ultralytics_setup import prepare_ultralytics
from tests.gate.builders import evaluation


def validators(evaluation, times):
    """AP by class as ultralytics computes it where each image is in the dataset so many *times*."""
    prepare_ultralytics()
    from ultralytics.utils.metrics import ap_per_class

    repeats = times[evaluation.detections.image].astype(int)
    arrays = (evaluation.detections.hits, evaluation.detections.confidence, evaluation.detections.class_id)
    labels = np.repeat(evaluation.labels.class_id, times[evaluation.labels.image].astype(int))
    *_, precisions, class_ids, _, _, _, _, _ = ap_per_class(
        *(np.repeat(one, repeats, axis=0) for one in arrays), labels
    )
    return dict(zip(class_ids.tolist(), precisions.mean(axis=1), strict=True))


@pytest.mark.parametrize("spread", [0.0, 0.06, 0.3], ids=["exact", "near", "far"])
@pytest.mark.parametrize("images", [1, 5, 50])
def test_every_resample_gives_what_the_validator_gives_on_it(images, spread):
    measured = evaluation(images, spread=spread, recall=0.7)
    counts = np.concatenate([np.ones((1, images), np.float32), resample(images, 20, np.random.default_rng(5))])

    computed = average_precisions(measured, counts)

    for row, times in zip(computed, counts, strict=True):
        expected = validators(measured, times)
        assert set(np.flatnonzero(~np.isnan(row))) == set(expected)
        assert [row[class_id] for class_id in expected] == pytest.approx(list(expected.values()), abs=1e-6)


def test_a_class_that_a_resample_has_no_label_of_is_left_out_of_its_mean():
    measured = evaluation(2, ("Bird", "Cattle"), boxes=1, recall=1.0, false=0, spread=0.0)
    first, second = measured.labels.class_id
    only_first = np.array([[2, 0]], np.float32)

    precisions = average_precisions(measured, only_first)

    assert first != second
    assert np.isnan(precisions[0, second])
    assert average_classes(precisions)[0] == precisions[0, first] > 0.9


def test_a_detector_that_finds_nothing_has_no_precision():
    precisions = average_precisions(evaluation().without_detections(), np.ones((1, 40), np.float32))

    assert precisions.tolist() == [[0.0, 0.0, 0.0]]


def test_a_thousand_resamples_of_five_hundred_images_and_twenty_classes_take_seconds():
    measured = evaluation(500, [f"class {number}" for number in range(20)], boxes=4, false=40)

    started = time.process_time()
    contrast(measured, measured, resamples=1000)

    assert time.process_time() - started < 8
