"""Images and boxes are scaled to the bit as ultralytics does it."""

import numpy as np
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from loop.vision.network.letterbox import Letterbox
from loop.vision.ultralytics_setup import prepare_ultralytics

sides = st.integers(1, 900)
sizes = st.sampled_from([32, 96, 128, 320, 640])


@examples(max_examples=60, deadline=None)
@given(sides, sides, sizes, st.sampled_from([32, 64]))
def test_the_input_is_that_of_ultralytics(height, width, size, stride):
    prepare_ultralytics()
    import torch
    from ultralytics.data.augment import LetterBox

    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)

    ours = Letterbox.of(image, size, stride).fill(image)

    theirs = LetterBox((size, size), auto=True, stride=stride)(image=image)
    pixels = torch.from_numpy(theirs).unsqueeze(0).permute(0, 3, 1, 2).contiguous().flip(1).float().div_(255)
    assert ours.shape == pixels.shape
    assert np.array_equal(ours, pixels.numpy())


@examples(max_examples=60, deadline=None)
@given(sides, sides, sizes)
def test_boxes_are_scaled_back_as_ultralytics_does_it(height, width, size):
    prepare_ultralytics()
    import torch
    from ultralytics.utils.ops import scale_boxes

    image = np.zeros((height, width, 3), np.uint8)
    boxes = np.random.default_rng(width).uniform(-20, size + 20, (50, 4)).astype(np.float32)
    place = Letterbox.of(image, size, 32)

    theirs = scale_boxes(place.shape[2:], torch.from_numpy(boxes.copy()), image.shape).numpy()
    place.scale_back(boxes, image)

    assert np.array_equal(boxes, theirs)
