"""The memory that decoding takes is measured, and never more than what is asked for from the budget."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from loop.memory_budget import Use, budget
from loop.vision.image_files import prepare
from loop.vision.image_reader import read_pixels

WIDTH, HEIGHT = 3000, 2000
NOISE = 6 * 2**20  # bytes: what an allocator keeps, and libraries that are loaded now
MODES = {"grey": "L", "cmyk": "CMYK", "bits": "1", "rgba": "RGBA", "palette": "P", "rgb": "RGB"}
TURNED = Image.Exif()
TURNED[0x0112] = 6
FILES = [
    pytest.param("rgb", "JPEG", {}, id="jpeg"),
    pytest.param("rgb", "JPEG", {"exif": TURNED}, id="jpeg-turned"),
    pytest.param("rgb", "JPEG", {"progressive": True, "subsampling": 0}, id="jpeg-progressive"),
    pytest.param("grey", "JPEG", {}, id="jpeg-grey"),
    pytest.param("cmyk", "JPEG", {}, id="jpeg-cmyk"),
    pytest.param("rgb", "PNG", {"compress_level": 1}, id="png"),
    pytest.param("grey", "PNG", {"compress_level": 1}, id="png-grey"),
    pytest.param("bits", "PNG", {"compress_level": 1}, id="png-bits"),
    pytest.param("palette", "PNG", {"compress_level": 1}, id="png-palette"),
    pytest.param("palette", "PNG", {"compress_level": 1, "transparency": 3}, id="png-palette-transparent"),
    pytest.param("rgba", "PNG", {"compress_level": 1}, id="png-rgba"),
    pytest.param("rgb", "PNG", {"compress_level": 1, "exif": TURNED}, id="png-turned"),
    pytest.param("palette", "GIF", {}, id="gif"),
    pytest.param("rgb", "WEBP", {"method": 0}, id="webp"),
    pytest.param("rgba", "WEBP", {"method": 0}, id="webp-rgba"),
    pytest.param("rgb", "AVIF", {"speed": 10}, id="avif"),
    pytest.param("rgb", "TIFF", {"compression": "tiff_lzw"}, id="tiff"),
    pytest.param("rgb", "JPEG2000", {"quality_mode": "rates", "quality_layers": [40]}, id="jpeg-2000"),
]


@pytest.fixture(scope="module")
def pictures():
    coarse = np.random.default_rng(0).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
    rgb = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    return {name: rgb.quantize(64) if mode == "P" else rgb.convert(mode) for name, mode in MODES.items()}


@pytest.fixture
def asked(monkeypatch):
    """The bytes that are asked for."""
    sizes, take = [0], budget().take

    def note(use, size):
        sizes.append(size if use == Use.PICTURE else 0)
        return take(use, size)

    monkeypatch.setattr(budget(), "take", note)
    return sizes


def peak_of(work):
    """The most memory that this process has while it works, beyond what it has before."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = _memory("VmRSS")
    work()
    return _memory("VmHWM") - before


@pytest.mark.parametrize(("picture", "form", "options"), FILES)
@pytest.mark.parametrize("read", [read_pixels, prepare])
def test_decoding_takes_no_more_than_was_asked_for(pictures, asked, picture, form, options, read):
    file = io.BytesIO()
    pictures[picture].save(file, form, **options)
    tiny = io.BytesIO()
    pictures[picture].crop((0, 0, 32, 32)).save(tiny, form, **options)
    read(tiny.getvalue(), "an image that loads the libraries", 10**9)

    peak = peak_of(lambda: read(file.getvalue(), "an image", 10**9))

    assert peak <= max(asked) + NOISE


def _memory(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
