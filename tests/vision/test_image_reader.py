"""The one reader of images, against what they are made of and against ultralytics' own loader."""

import io
import random
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from loop.errors import ImageError, ImageTooLarge, ImageUnreadable
from loop.vision.image_files import THUMBNAIL, make_thumbnail, prepare, read_prepared, read_shrunk
from loop.vision.image_reader import read_pixels
from loop.vision.ultralytics_setup import prepare_ultralytics
from tests.vision import image_samples as samples
from tests.vision.image_samples import RGB, saved

CASES = Path(__file__).parents[1] / "cases"
SHOWN = samples.shown()
GOOD = {
    **SHOWN,
    **samples.readable(),
    **{name: (CASES / name).read_bytes() for name in ("g16.png", "rot.webp")},
}
REFUSED = samples.refused()
MOST = 10_000_000  # pixels


def pixels(content):
    return read_pixels(content, "image", MOST)


def by_ultralytics(folder, prepared):
    """What a training reads of a prepared file, and how large it takes it to be."""
    prepare_ultralytics()
    from ultralytics.data.utils import check_image
    from ultralytics.utils.patches import imread

    path = folder / f"image{prepared.suffix}"
    path.write_bytes(prepared.content)
    message, size = check_image(str(path))
    assert message == ""
    return imread(path), tuple(size)


def test_sixteen_bits_of_grey_show_what_eight_bits_show():
    with Image.open(CASES / "g16.png") as deep:
        twin = Image.fromarray((np.asarray(deep) >> 8).astype(np.uint8))

    shown = pixels(GOOD["g16.png"])

    assert np.array_equal(shown, pixels(saved(twin, "PNG")))
    assert len(np.unique(shown)) > 2


def test_a_webp_is_not_turned_by_its_exif():
    content = (CASES / "rot.webp").read_bytes()

    with Image.open(io.BytesIO(content)) as stored:
        assert stored.getexif()[0x0112] == 6
        assert pixels(content).shape == (stored.height, stored.width, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_is_turned_by_its_exif_in_all_eight_ways(orientation):
    turns = {
        1: lambda array: array,
        2: np.fliplr,
        3: lambda array: np.rot90(array, 2),
        4: np.flipud,
        5: lambda array: np.swapaxes(array, 0, 1),
        6: lambda array: np.rot90(array, -1),
        7: lambda array: np.rot90(np.swapaxes(array, 0, 1), 2),
        8: np.rot90,
    }

    shown = pixels(SHOWN[f"exif-{orientation}.jpg"])

    assert np.array_equal(shown, turns[orientation](pixels(samples.JPEG)))


def test_transparent_pixels_are_white_whatever_colour_hides_in_them():
    clear = Image.new("RGBA", (20, 20), (200, 0, 0, 0))

    for form in ("PNG", "WEBP"):
        assert (pixels(saved(clear, form)) == 255).all()


@pytest.mark.parametrize("name", GOOD)
def test_a_dataset_has_each_image_in_a_form_that_ultralytics_reads_alike(tmp_path, name):
    prepared = prepare(GOOD[name], name, MOST)

    read, size = by_ultralytics(tmp_path, prepared)

    assert np.array_equal(read, pixels(GOOD[name]))
    assert np.array_equal(pixels(prepared.content), pixels(GOOD[name]))  # the gate reads it so
    assert size == read.shape[:2]


@pytest.mark.parametrize("name", GOOD)
def test_vectors_and_reports_are_made_of_the_same_picture(tmp_path, name):
    (tmp_path / "image").write_bytes(GOOD[name])
    whole = Image.fromarray(pixels(GOOD[name]))
    whole.thumbnail((40, 40))

    small = read_shrunk(tmp_path / "image", 40)
    _, width, height = make_thumbnail(tmp_path / "image")

    assert small.shape == np.asarray(whole).shape
    assert np.abs(small.astype(int) - np.asarray(whole)).mean() < 5
    assert (height, width, 3) == read_shrunk(tmp_path / "image", THUMBNAIL).shape


@pytest.mark.parametrize(
    "name",
    ["exif-6.jpg", "420.jpg", "progressive.jpg", "grey.jpg", "plain.png", "opaque.png", "palette.png", "plain.bmp"],
)
def test_what_ultralytics_reads_alike_goes_in_as_it_is(name):
    assert prepare(GOOD[name], name, MOST).content is GOOD[name]


@pytest.mark.parametrize(
    "name",
    [
        "deep-grey.png",
        "rgba.png",
        "exif-after-xmp.jpg",
        "cmyk.jpg",
        "plain.gif",
        "plain.tif",
        "animated.png",
        "animated.webp",
    ],
)
def test_what_is_written_anew_is_so_to_the_bit_each_time(name):
    first, second = prepare(GOOD[name], name, MOST), prepare(GOOD[name], name, MOST)

    assert first.suffix == ".png"
    assert first.content == second.content


images = st.builds(
    lambda seed, width, height: Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (4, 4, 4), dtype=np.uint8)
    ).resize((width, height), Image.Resampling.BICUBIC),
    st.integers(0, 2**32 - 1),
    st.integers(10, 70),
    st.integers(10, 70),
)
jpegs = st.builds(
    lambda image, mode, exif, **options: saved(image.convert(mode), "JPEG", exif=samples.orientation(exif), **options),
    images,
    st.sampled_from(["RGB", "L", "CMYK"]),
    st.integers(0, 9),
    quality=st.integers(20, 100),
    subsampling=st.integers(0, 2),
    progressive=st.booleans(),
    restart_marker_rows=st.integers(0, 2),
)
pngs = st.builds(
    lambda image, mode, level: saved(
        image.convert("RGB").quantize(9) if mode == "P" else image.convert(mode), "PNG", compress_level=level
    ),
    images,
    st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]),
    st.integers(0, 9),
)
webps = st.builds(
    lambda image, mode, lossless, quality: saved(image.convert(mode), "WEBP", lossless=lossless, quality=quality),
    images,
    st.sampled_from(["RGB", "RGBA"]),
    st.booleans(),
    st.integers(1, 100),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(jpegs, pngs, webps))
def test_whatever_the_image_a_training_reads_from_the_dataset_what_serving_reads_from_the_source(tmp_path, content):
    prepared = prepare(content, "image", MOST)

    read, size = by_ultralytics(tmp_path, prepared)

    assert np.array_equal(read, pixels(content))
    assert np.array_equal(pixels(prepared.content), read)
    assert size == read.shape[:2]


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
