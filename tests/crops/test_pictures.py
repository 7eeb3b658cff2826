"""Small pictures of boxes and images."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from loop.crops.pictures import BoxSource, draw, find_box, find_image
from loop.errors import ImageUnreadable
from loop.vision.image_cache import ImageCache
from loop.vision.images import ImageLimits, Images
from loop.vision.previews.cut import SIDE, THUMBNAIL
from tests.builders import box, region, review, served
from tests.swap import swap

LEFT, RIGHT = box(0.0, 0.0, 0.5, 1.0), box(0.5, 0.0, 1.0, 1.0)


def halves(size=(800, 400)):
    """A PNG whose left half is red and whose right half is blue."""
    picture = Image.new("RGB", size, "red")
    picture.paste("blue", (size[0] // 2, 0, *size))
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


class OneImage(Images):
    """Serves the same content for every address, and counts how often; nothing for an address of something gone."""

    def __init__(self, content):
        super().__init__(None, ImageLimits())
        self.content, self.count = content, 0

    def fetch(self, address, task_id):
        self.count += 1
        if "gone" in address:
            raise ImageUnreadable(address, "HTTP 404")
        return self.content


@pytest.fixture
def images():
    return OneImage(halves())


@pytest.fixture
def rooms(rooms, images, tmp_path):
    return swap(rooms, (rooms.vision.cache, ImageCache(tmp_path / "images", images)))


def predict(rooms, *regions, image="/a.png", **fields):
    rooms.serving.predictions.append([served(*regions, image=image, **fields)])


def show(content):
    picture = Image.open(io.BytesIO(content))
    assert picture.format == "JPEG"
    return picture.size, np.asarray(picture.convert("RGB"))[picture.height // 2, picture.width // 2].argmax()


def test_the_crop_of_a_predicted_box_shows_the_box_and_the_image_is_fetched_once(rooms, images):
    predict(rooms, region("l", at=LEFT), region("r", at=RIGHT))

    left, right = (draw(rooms.crops, find_box(rooms.crops, 1, 1, name)) for name in "lr")

    assert (show(left)[1], show(right)[1]) == (0, 2)
    assert max(show(left)[0]) == SIDE
    assert images.count == 1


def test_a_box_that_a_reviewer_moved_is_shown_where_it_is_asked_for(rooms):
    predict(rooms, region("a", at=LEFT))
    rooms.reviews.store.record(review(region("a", at=RIGHT), region("b", at=RIGHT)), {"image": "/a.png"})

    places = [find_box(rooms.crops, 1, 1, "a", source).box for source in BoxSource]

    assert places == [LEFT, RIGHT]
    assert find_box(rooms.crops, 1, 1, "b").box == RIGHT
    assert find_box(rooms.crops, 1, 1, "c") is None


def test_the_newest_prediction_and_held_back_boxes_count(rooms):
    predict(rooms, region("a", at=LEFT))
    newest = served(region("b", at=LEFT), minutes=0, version="yolo_detector@1.1.0", image="/a.png")
    rooms.serving.predictions.append([replace(newest, candidates=(region("a", at=RIGHT),))])

    assert find_box(rooms.crops, 1, 1, "a").box == RIGHT


def test_a_thumbnail_is_the_whole_image_and_a_small_image_is_not_enlarged(rooms, images):
    predict(rooms, region("a", at=LEFT))
    predict(rooms, region("b", at=LEFT), task=2)
    whole = draw(rooms.crops, find_image(rooms.crops, 1, 1))
    images.content = halves((40, 20))

    small = draw(rooms.crops, find_image(rooms.crops, 1, 2))

    assert show(whole)[0] == (THUMBNAIL, THUMBNAIL // 2)
    assert show(small)[0] == (40, 20)


def test_a_reviewed_task_without_a_prediction_has_a_thumbnail_and_an_unknown_task_none(rooms):
    rooms.reviews.store.record(review(task=3), {"image": "/a.png"})

    assert find_image(rooms.crops, 1, 3).image == "/a.png"
    assert find_image(rooms.crops, 1, 4) is None


def test_another_picture_has_another_etag(rooms):
    predict(rooms, region("l", at=LEFT), region("r", at=RIGHT))
    predict(rooms, region("l", at=LEFT), image="/b.png", task=2)
    sources = [find_box(rooms.crops, 1, 1, "l"), find_box(rooms.crops, 1, 1, "r"), find_box(rooms.crops, 1, 2, "l")]

    assert len({source.etag for source in [*sources, find_image(rooms.crops, 1, 1)]}) == 4


@pytest.mark.parametrize("place", [box(0.3, 0.3, 0.3, 0.3), box(-1.0, -1.0, 2.0, 2.0), box(1.5, 1.5, 1.6, 1.6)])
def test_a_box_without_extent_or_beside_the_image_has_a_picture(rooms, place):
    predict(rooms, region("a", at=place))

    size, _ = show(draw(rooms.crops, find_box(rooms.crops, 1, 1, "a")))

    assert min(size) >= 1
