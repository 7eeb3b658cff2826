"""The one reader of images, against what they are made of and against ultralytics' own loader."""

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from loop.vision.image_files import THUMBNAIL, make_thumbnail, prepare, read_shrunk
from loop.vision.image_reader import read_pixels
from loop.vision.ultralytics_setup import prepare_ultralytics
from tests.vision import image_samples as samples
from tests.vision.image_samples import saved

SHOWN, GOOD = samples.shown(), samples.good()
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
    with Image.open(samples.CASES / "g16.png") as deep:
        twin = Image.fromarray((np.asarray(deep) >> 8).astype(np.uint8))

    shown = pixels(GOOD["g16.png"])

    assert np.array_equal(shown, pixels(saved(twin, "PNG")))
    assert len(np.unique(shown)) > 2


def test_a_webp_is_not_turned_by_its_exif():
    content = (samples.CASES / "rot.webp").read_bytes()

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
