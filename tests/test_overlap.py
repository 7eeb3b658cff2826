import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loop.overlap import measure_iou
from loop.regions import Box

SIDES = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(-0.5, 1.5), st.floats(0, 1e-300))
BOXES = st.lists(st.builds(Box, SIDES, SIDES, SIDES, SIDES), max_size=5)


def sides(boxes):
    return np.array([box.sides for box in boxes]).reshape(-1, 4)


@given(BOXES, BOXES)
def test_all_pairs_at_once_have_the_iou_of_each_pair(ours, theirs):
    iou = measure_iou(sides(ours), sides(theirs))

    assert iou.shape == (len(ours), len(theirs))
    assert iou.tolist() == [[box.iou(other) for other in theirs] for box in ours]
