"""Brush strokes, in the code that Label Studio keeps them in."""

import time
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_studio_sdk.converter.brush import encode_rle

from loop.label_studio.label_config import parse
from loop.label_studio.result_format import Why, read_result
from loop.label_studio.shapes import brush_box
from loop.regions import Box
from tests.label_studio.builders import SHAPES, brush


def code_of(mask):
    """Encode a mask as the editor does: all pixels in four channels, what is painted opaque and in a colour."""
    return encode_rle((np.repeat(mask.ravel(), 4) * np.tile([255, 0, 7, 255], mask.size)).astype(np.uint8))


@settings(max_examples=150)
@given(st.integers(1, 40), st.integers(1, 30), st.data())
def test_the_box_is_that_of_the_painted_pixels(width, height, data):
    mask = np.zeros((height, width), np.uint8)
    for _ in range(data.draw(st.integers(1, 5))):
        x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
        mask[y : y + data.draw(st.integers(1, height)), x : x + data.draw(st.integers(1, width))] = 1

    box = brush_box(code_of(mask), width, height)

    ys, xs = np.nonzero(mask)
    expected = Box(xs.min() / width, ys.min() / height, (xs.max() + 1) / width, (ys.max() + 1) / height)
    assert box.is_close_to(expected, 1e-9)


@settings(max_examples=300)
@given(
    st.lists(st.integers(-1, 256), max_size=60) | st.none() | st.text(max_size=5) | st.lists(st.floats(), max_size=5)
)
def test_a_code_of_any_form_is_read_or_refused(code):
    with suppress(ValueError):
        assert brush_box(code, 4, 3).area <= 1


def test_a_code_that_claims_billions_of_pixels_costs_nothing():
    claim = list((2**32 - 1).to_bytes(4, "big")) + [0xFF] * 1000
    began = time.monotonic()

    with pytest.raises(ValueError, match="values"):
        brush_box(claim, 640, 480)

    assert time.monotonic() - began < 1


def test_a_stroke_with_our_label_is_read_and_one_whose_code_does_not_fit_is_named():
    mask = np.zeros((480, 640), np.uint8)
    mask[48:240, 64:320] = 1
    good, bad = brush(name="good"), brush(name="bad")
    good["value"]["rle"] = code_of(mask)

    reading = read_result([good, bad], parse(SHAPES), "annotation 1")

    (box_region,) = reading.regions
    assert (box_region.id, box_region.label, box_region.shape) == ("good", "Car", "brush")
    assert box_region.box.is_close_to(Box(0.1, 0.1, 0.5, 0.5), 1e-9)
    assert reading.unread[0].why is Why.SHAPE
    assert "a brush stroke is not read: its code" in reading.unread[0].text
