"""Detections are chosen to the bit as ultralytics chooses them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from loop.vision.network.suppression import suppress, take_best
from loop.vision.ultralytics_setup import prepare_ultralytics

IOU = 0.7


def make_output(seed, boxes, classes, ties=None):
    """An output of a head: objects of several boxes each, as a network gives them."""
    rng = np.random.default_rng(seed)
    objects = rng.uniform([0, 0, 5, 5], [640, 640, 200, 200], (max(1, boxes // 6), 4))
    output = np.empty((4 + classes, boxes), np.float32)
    output[:4] = (objects[rng.integers(len(objects), size=boxes)] + rng.normal(0, 4, (boxes, 4))).T
    output[2:4] = np.abs(output[2:4])
    output[4:] = rng.beta(0.3, 3, (classes, boxes))
    if ties:
        output[4:] = np.round(output[4:], ties)
    return output


def theirs(output, least, **options):
    prepare_ultralytics()
    import torch
    import torchvision  # noqa: F401 (ultralytics uses it where it is imported)
    from ultralytics.utils.nms import non_max_suppression

    (rows,) = non_max_suppression(torch.from_numpy(output.copy())[None], least, IOU, max_det=300, **options)
    return rows.numpy()


@examples(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(0, 400),
    st.sampled_from([1, 3, 80]),
    st.sampled_from([0.0009, 0.05, 0.25, 0.9]),
    st.booleans(),
    st.sampled_from([None, 1, 2]),
)
def test_overlapping_boxes_are_suppressed_as_by_ultralytics(seed, boxes, classes, least, is_multi_label, ties):
    output = make_output(seed, boxes, classes, ties) if boxes else np.zeros((4 + classes, 0), np.float32)
    if boxes == 6:
        return  # ultralytics takes this shape for another head

    ours = suppress(output, least, 300, is_multi_label=is_multi_label)

    expected = theirs(output, least, multi_label=is_multi_label) if boxes else np.zeros((0, 6), np.float32)
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize("is_multi_label", [False, True])
def test_the_most_confident_of_very_many_candidates_are_chosen(is_multi_label):
    output = make_output(5, 8400, 80)

    ours = suppress(output, 0.0009, 300, is_multi_label=is_multi_label)

    assert len(ours) == 300
    assert np.array_equal(ours, theirs(output, 0.0009, multi_label=is_multi_label))


def test_boxes_without_extent_are_all_taken():
    output = np.zeros((5, 3), np.float32)
    output[4] = 0.5

    assert len(suppress(output, 0.1, 300)) == len(theirs(output, 0.1)) == 3


@examples(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 900), st.sampled_from([1, 3, 80]), st.sampled_from([0.0009, 0.05, 0.5]))
def test_the_best_boxes_of_a_head_without_overlap_are_those_of_ultralytics(seed, boxes, classes, least):
    prepare_ultralytics()
    import torch
    from ultralytics.nn.modules.head import Detect

    output = np.ascontiguousarray(make_output(seed, boxes, classes).T)
    head = Detect(nc=classes, ch=(16,), end2end=True)

    ours = take_best(output, least, 300)

    expected = theirs(head.postprocess(torch.from_numpy(output)[None])[0].numpy(), least, end2end=True)
    assert np.array_equal(ours, expected)
