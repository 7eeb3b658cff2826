"""Files that are no image, lie about their size, or are damaged."""

import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from loop.errors import ImageError, ImageTooLarge, ImageUnreadable
from loop.vision.image_files import prepare, read_prepared, read_shrunk
from loop.vision.image_reader import read_pixels
from tests.vision import image_samples as samples
from tests.vision.image_samples import RGB, saved

SHOWN, GOOD = samples.shown(), samples.good()
MOST = 10_000_000  # pixels


def pixels(content):
    return read_pixels(content, "image", MOST)


REFUSED = samples.refused()


@pytest.mark.parametrize("read", [read_prepared, lambda path: read_shrunk(path, 40)], ids=["whole", "shrunk"])
def test_a_file_that_is_gone_is_an_image_error(tmp_path, read):
    with pytest.raises(ImageUnreadable, match="No such file"):
        read(tmp_path / "gone.jpg")


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_shown_is_refused_by_what_it_is(name):
    content, reason = REFUSED[name]

    with pytest.raises(ImageUnreadable, match=reason) as refusal:
        pixels(content)
    with pytest.raises(ImageUnreadable, match=reason):
        prepare(content, name, MOST)

    assert "BytesIO" not in str(refusal.value)
    assert str(refusal.value).startswith("image: ")


def test_our_limit_of_pixels_decides_above_that_of_pillow_too(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # as an image of 200 megapixels is to Pillow's own limit

    assert pixels(saved(RGB, "PNG")).shape == (48, 64, 3)
    with pytest.raises(ImageTooLarge, match="64 x 48 is more than 3000 pixels"):
        read_pixels(saved(RGB, "PNG"), "image", 3000)


def test_a_file_that_lies_about_its_size_is_refused_or_cut_to_the_size_it_says():
    small = samples.png(8, 0, [b"\x80" * 5000] * 5000, size=(20, 20))
    large = samples.png(8, 0, [b"\x80" * 20] * 20, size=(3000, 3000))

    for content in (small, large):
        try:
            shape = pixels(content).shape
        except ImageError:
            continue
        assert shape in ((20, 20, 3), (3000, 3000, 3))


def damaged(content, rng):
    """The same with a few bytes changed, cut off or put in."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(changed))
        changed[at] = rng.randrange(256)
    if rng.random() < 0.3:
        del changed[rng.randrange(len(changed)) :]
    if rng.random() < 0.2:
        at = rng.randrange(len(changed) + 1)
        changed[at:at] = rng.randbytes(rng.randint(1, 40))
    return bytes(changed)


@pytest.mark.parametrize("name", GOOD)
def test_damaged_files_give_a_picture_or_an_image_error_and_quickly(name):
    rng = random.Random(name)
    start = time.monotonic()

    for _ in range(40):
        content = damaged(GOOD[name], rng)
        picture = picture_or_error(content)
        if not isinstance(picture, ImageError):
            assert (picture.dtype, picture.ndim, picture.shape[2]) == (np.uint8, 3, 3)
            prepared = prepare(content, name, 1_000_000)
            assert np.array_equal(pixels(prepared.content), picture)
            assert np.array_equal(by_opencv(prepared.content), picture)

    assert time.monotonic() - start < 20


def by_opencv(content):
    import cv2

    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def picture_or_error(content):
    try:
        return read_pixels(content, "image", 1_000_000)
    except ImageError as error:
        return error


@given(st.binary(max_size=300), st.sampled_from([b"", *(content[:16] for content in GOOD.values())]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_a_picture_or_an_image_error(content, head):
    assert "BytesIO" not in str(picture_or_error(head + content))
