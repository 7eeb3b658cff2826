"""The look of an image: what leaves it alone, and what changes it."""

import io
import struct
import zlib

import pytest
from PIL import Image, ImageDraw, ImageEnhance

from loop.errors import ImageTooLarge, ImageUnreadable
from loop.vision.image_files import prepare_file
from tests.builders import picture


def photo(shift=0):
    """Something with structure: a slope of light, and blobs at places that *shift* moves."""
    image = Image.linear_gradient("L").resize((320, 240)).convert("RGB")
    draw = ImageDraw.Draw(image)
    for n in range(9):
        x, y = (70 * n + shift) % 300, (110 * n + 2 * shift) % 220
        draw.ellipse((x, y, x + 60 + 5 * n, y + 50), fill=(25 * n, 255 - 25 * n, (40 * n) % 255))
    return image


def saved(image, form="JPEG", **options):
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def look(tmp_path, content):
    (tmp_path / "image").write_bytes(content)
    return prepare_file(tmp_path / "image", "image", 10_000_000, tmp_path).image_hash


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(saved(photo(), quality=30), id="quality"),
        pytest.param(saved(photo(), "PNG"), id="format"),
        pytest.param(saved(photo().resize((200, 150))), id="size"),
        pytest.param(saved(ImageEnhance.Brightness(photo()).enhance(0.8)), id="brightness"),
    ],
)
def test_the_same_picture_keeps_its_look(tmp_path, content):
    before, after = look(tmp_path, saved(photo())), look(tmp_path, content)

    assert (before ^ after).bit_count() <= 4


def test_another_picture_has_another_look(tmp_path):
    looks = [look(tmp_path, saved(photo(shift))) for shift in range(0, 240, 40)]

    assert min((a ^ b).bit_count() for at, a in enumerate(looks) for b in looks[:at]) > 8


def test_a_picture_that_lies_on_its_side_is_set_upright_first(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees to see it as it was taken
    lying = saved(photo().transpose(Image.Transpose.ROTATE_90), exif=exif)

    assert (look(tmp_path, lying) ^ look(tmp_path, saved(photo()))).bit_count() <= 4


@pytest.mark.parametrize("colour", ["white", "black", "red"])
def test_a_flat_picture_looks_like_nothing(tmp_path, colour):
    assert look(tmp_path, picture(colour=colour)) is None


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_that_was_cut_off_is_unreadable(tmp_path, form):
    content = saved(photo(), form)

    with pytest.raises(ImageUnreadable):
        look(tmp_path, content[: len(content) // 2])


@pytest.mark.parametrize("side", [4_000, 20_000, 100_000])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, side):
    small = picture(form="PNG")
    head = b"IHDR" + struct.pack(">II", side, side) + small[24:29]
    bomb = small[:12] + head + struct.pack(">I", zlib.crc32(head)) + small[33:]

    with pytest.raises(ImageTooLarge, match="pixels"):
        look(tmp_path, bomb)


def test_what_ultralytics_would_pass_over_is_unreadable(tmp_path):
    with pytest.raises(ImageUnreadable, match="at least 10 pixels"):
        look(tmp_path, picture(size=(64, 9)))
