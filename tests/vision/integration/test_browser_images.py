"""What a real browser shows of image files is what the reader reads from them."""

import base64
from pathlib import Path

import numpy as np
import pytest

from loop.errors import ImageUnreadable
from loop.vision.image_reader import read_pixels
from tests.vision import image_samples as samples

pytestmark = [
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CASES = Path(__file__).parents[2] / "cases"
TYPES = {"jpg": "jpeg", "tif": "tiff", "ico": "x-icon"}
ROUNDING = 1  # levels; browsers and libraries round transparency and gamma each in their way
DRAWN = """
async (uri) => {
  const image = new Image(); image.src = uri
  try { await image.decode() } catch (error) { return null }
  const canvas = document.createElement("canvas")
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight
  const context = canvas.getContext("2d")
  context.fillStyle = "white"; context.fillRect(0, 0, canvas.width, canvas.height)
  context.drawImage(image, 0, 0)
  return [canvas.height, canvas.width, Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data)]
}
"""


@pytest.fixture
def draw(browser):
    """Draws a file as an <img> shows it, on white: (height, width, 3), BGR; None for what the browser does not show."""
    page = browser.new_page()

    def drawn(name, content):
        suffix = name.rsplit(".", 1)[-1]
        uri = f"data:image/{TYPES.get(suffix, suffix)};base64,{base64.b64encode(content).decode()}"
        shown = page.evaluate(DRAWN, uri)
        return shown and np.array(shown[2], np.uint8).reshape(shown[0], shown[1], 4)[:, :, 2::-1]

    return drawn


def test_the_reader_reads_what_the_browser_shows(draw):
    files = {
        **samples.shown(),
        "g16.png": (CASES / "g16.png").read_bytes(),
        "rot.webp": (CASES / "rot.webp").read_bytes(),
    }

    wrong = {}
    for name, content in files.items():
        read, shown = read_pixels(content, name, 1_000_000), draw(name, content)
        is_alike = shown is not None and read.shape == shown.shape
        difference = np.abs(read.astype(int) - shown).max() if is_alike else "of another size"
        if difference not in range(ROUNDING + 1):
            wrong[name] = difference

    assert wrong == {}


def test_what_the_reader_refuses_the_browser_does_not_show_either_but_for_drawings_and_icons(draw):
    for name, (content, _) in samples.refused().items():
        with pytest.raises(ImageUnreadable):
            read_pixels(content, name, 1_000_000)
        if name not in ("image.svg", "image.ico", "cut.jpg", "cut.png"):  # of what is cut off it shows the rest
            assert draw(name, content) is None, name
