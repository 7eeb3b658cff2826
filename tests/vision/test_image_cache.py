"""Images that are fetched once and kept."""

import os

import pytest

from loop.errors import ImageTooLarge, ImageUnreadable
from loop.vision.image_cache import ImageCache
from loop.vision.images import ImageLimits, Images
from tests.builders import picture
from tests.datasets.builders import ADDRESS


class OneImage(Images):
    """Serves the same content for every address, and counts how often."""

    def __init__(self, content):
        super().__init__(None, ImageLimits())
        self.content, self.count = content, 0

    def fetch(self, address, task_id):
        self.count += 1
        return self.content


def test_an_image_is_fetched_once_and_kept_as_it_is(tmp_path):
    images = OneImage(picture())
    cache = ImageCache(tmp_path, images)

    paths = {cache.find(1, 1, ADDRESS).path for _ in range(3)}

    assert images.count == 1
    assert [path.read_bytes() for path in paths] == [picture()]
    images.close()


def test_an_image_that_was_damaged_in_the_cache_is_fetched_again(tmp_path):
    images = OneImage(picture())
    cache = ImageCache(tmp_path, images)
    cache.find(1, 1, ADDRESS).path.write_bytes(picture()[:200])

    image = cache.find(1, 1, ADDRESS)

    assert (image.path.read_bytes(), images.count) == (picture(), 2)
    images.close()


def test_an_image_that_another_process_removes_meanwhile_is_fetched_again(tmp_path):
    images = OneImage(picture())
    cache = ImageCache(tmp_path, images)
    listed = cache.find(1, 1, ADDRESS).path
    listed.unlink()
    listed.symlink_to(tmp_path / "removed")  # still listed, and no longer there

    image = cache.find(1, 1, ADDRESS)

    assert (image.path.read_bytes(), images.count) == (picture(), 2)
    images.close()


def test_a_format_that_ultralytics_does_not_read_becomes_png(tmp_path):
    images = OneImage(picture(form="GIF"))

    assert ImageCache(tmp_path, images).find(1, 1, ADDRESS).path.read_bytes().startswith(b"\x89PNG")
    images.close()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(b"text", ImageUnreadable, id="text"),
        pytest.param(picture(size=(2000, 2000), form="PNG"), ImageTooLarge, id="bomb"),
    ],
)
def test_what_is_no_image_or_too_large_is_not_kept(tmp_path, content, error):
    images = OneImage(content)

    with pytest.raises(error):
        ImageCache(tmp_path, images, most_pixels=1_000_000).find(1, 1, ADDRESS)

    assert not [name for _, _, names in os.walk(tmp_path) for name in names]
    images.close()
