import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from loop.errors import PayloadError
from loop.imports.foreign import BoxNote, ForeignBox, ForeignImage, ShownSize, is_held_out, place, turn
from loop.imports.upload import read_file
from loop.regions import Box
from loop.vision.image_reader import read_pixels
from loop.vision.images import ImageLimits
from tests.imports.builders import sides

LIMITS = ImageLimits()


def image(*boxes, frame=(1.0, 1.0)):
    return ForeignImage("a.jpg", None, tuple(ForeignBox("Car", Box(*box)) for box in boxes), frame)


@pytest.mark.parametrize(
    ("frame", "box"),
    [
        pytest.param((1.0, 1.0), (0.25, 0.25, 0.75, 0.5), id="fractions"),
        pytest.param((64.0, 48.0), (16, 12, 48, 24), id="declared-size"),
        pytest.param((640.0, 480.0), (160, 120, 480, 240), id="the-image-was-made-smaller"),
        pytest.param(None, (16, 12, 48, 24), id="no-declared-size"),
    ],
)
def test_boxes_become_fractions_of_the_image(frame, box):
    (placed,), notes = place(image(box, frame=frame), ShownSize(64, 48))

    assert sides(placed.box) == (0.25, 0.25, 0.75, 0.5)
    assert notes == Counter()


def test_boxes_are_clipped_and_those_outside_are_left_out_and_counted():
    boxes, notes = place(image((-0.5, 0, 0.5, 1), (2, 2, 3, 3), (0.5, 0.5, 0.5, 0.9)), ShownSize(64, 48))

    assert [sides(box.box) for box in boxes] == [(0, 0, 0.5, 1)]
    assert notes == {BoxNote.CLIPPED: 1, BoxNote.EMPTY: 2}


def test_a_declared_size_of_another_shape_is_refused():
    with pytest.raises(PayloadError, match=r"64 x 48, .* 48 x 64"):
        place(image((1, 2, 3, 4), frame=(48.0, 64.0)), ShownSize(64, 48))


@pytest.mark.parametrize("frame", [(64.0, 48.0), None])
def test_fractions_where_pixels_are_expected_are_refused(frame):
    with pytest.raises(PayloadError, match=r"box: expected pixels of the image, found fractions"):
        place(image((16, 12, 48, 24), (0.25, 0.25, 0.75, 0.5), frame=frame), ShownSize(64, 48))


def test_a_box_of_one_pixel_in_the_corner_is_one_where_another_lies_beyond_it():
    boxes, _ = place(image((16, 12, 48, 24), (0, 0, 1, 1), frame=(64.0, 48.0)), ShownSize(64, 48))

    assert sides(boxes[1].box) == (0, 0, 0.015625, 0.020833)
    with pytest.raises(PayloadError, match="found fractions"):  # it may be the whole image
        place(image((0, 0, 1, 1), frame=(64.0, 48.0)), ShownSize(64, 48))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_turns_with_its_image(tmp_path, orientation):
    stored = np.zeros((40, 60, 3), np.uint8)
    stored[4:20, 6:18] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = io.BytesIO()
    Image.fromarray(stored).save(content, "PNG", exif=exif)

    shown = read_pixels(content.getvalue(), "a.png", 10_000)[:, :, 0]

    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    height, width = shown.shape
    expected = (columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
    assert sides(turn(Box(6 / 60, 4 / 40, 18 / 60, 20 / 40), orientation)) == pytest.approx(expected, abs=1e-6)


def test_boxes_of_the_stored_image_are_turned_where_exif_data_turn_it(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg", exif=exif)
    file = read_file(tmp_path / "a.jpg", LIMITS)

    stored, notes = place(image((6, 4, 18, 20), frame=(60.0, 40.0)), file.size)
    shown, _ = place(image((20, 6, 36, 18), frame=(40.0, 60.0)), file.size)

    assert file.size == ShownSize(40, 60, 6)
    assert sides(stored[0].box) == sides(shown[0].box) == (0.5, 0.1, 0.9, 0.3)
    assert notes == {BoxNote.TURNED: 1}


def test_a_format_that_label_studio_does_not_take_becomes_png(tmp_path):
    Image.new("RGB", (60, 40), "red").save(tmp_path / "a.tif")

    file = read_file(tmp_path / "a.tif", LIMITS)

    assert file.name == "a.png"
    assert file.content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("images/train/a.jpg", False),
        ("val2017/a.jpg", True),
        ("test/images/a.jpg", True),
        ("images/held_out/a.jpg", True),
        ("valley/a.jpg", None),
        ("test.jpg", None),
    ],
)
def test_folders_say_which_images_are_held_out(name, expected):
    assert is_held_out(name) is expected
