"""The map of the clusters, and the sheets of their crops."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from loop.discovery.drawings import CROPS, MOST_ON_SHEET, TILE, draw_contact_sheet, draw_map, lay_out, write_map_page
from tests.discovery.builders import groups


@pytest.mark.parametrize("count", [0, 1, 2, 9, 40])
def test_a_map_has_a_place_for_each_vector(count):
    vectors, _ = groups([count])

    places = lay_out(vectors)

    assert places.shape == (count, 2)
    assert ((places >= 0) & (places <= 1)).all()
    assert (places == lay_out(vectors)).all()


def test_equal_vectors_have_one_place_and_end_no_process():
    equal = np.tile(np.eye(1, 8, dtype=np.float32), (40, 1))

    assert len(np.unique(lay_out(equal), axis=0)) == 1


def test_many_vectors_are_placed_beside_those_of_their_group():
    vectors, truth = groups([60] * 16)

    places = lay_out(vectors, landmarks=150)

    distances = np.linalg.norm(places[:, None] - places, axis=2)
    nearest = distances.argsort(axis=1)[:, 1:11]
    assert (truth[nearest] == truth[:, None]).mean() > 0.95  # by two principal components 0.55
    assert len(np.unique(places, axis=0)) > 900


def test_a_sheet_shows_crops_of_any_shape():
    crops = [Image.new("RGB", size, "red") for size in ((1, 1), (500, 3), (3, 500), (40, 40))]

    sheet = draw_contact_sheet(crops, "cluster 1")

    assert sheet.width >= 4 * TILE
    assert sheet.height < 2 * TILE
    assert draw_contact_sheet(crops * 50, "").height < (MOST_ON_SHEET // 10 + 1) * (TILE + 10)
    assert draw_contact_sheet([], "nothing").width > 0


def test_the_picture_of_the_map_is_a_png():
    vectors, truth = groups([20, 20], noise=5)

    content = draw_map(lay_out(vectors), truth, ["one", "$5_{ $x^$ <b>"])

    assert Image.open(io.BytesIO(content)).size == (990, 770)
    assert draw_map(np.zeros((0, 2), np.float32), np.zeros(0, int), [])


def data_of(page):
    return json.loads(re.search(r"const data = (.*);\n", page).group(1))


def test_the_page_carries_each_crop_within_itself():
    vectors, truth = groups([3, 3], noise=2)
    crops = {row: Image.new("RGB", (30, 20), "blue") for row in range(8)}

    page = write_map_page(vectors[:, :2], truth, ["one", "two"], [f"task {row}" for row in range(8)], crops)

    data = data_of(page)
    assert len(data["images"]) == 8
    image = Image.open(io.BytesIO(base64.b64decode(data["images"]["0"].split(",")[1])))
    assert image.width == 64
    assert not re.search(r"(src|href)\s*=\s*[\"']?http", page)


def test_foreign_text_stays_text():
    evil = "</script><script>alert(1)</script>"

    page = write_map_page(np.zeros((1, 2), np.float32), np.array([0]), [evil], [evil], {})

    assert evil not in page
    assert data_of(page)["names"] == data_of(page)["captions"] == [evil]


def test_a_page_of_many_points_is_limited_and_says_so():
    count = CROPS + 10
    crops = dict.fromkeys(range(count), Image.new("RGB", (8, 8)))

    page = write_map_page(np.zeros((count, 2), np.float32), np.zeros(count, int), ["a"], [""] * count, crops)

    assert len(data_of(page)["images"]) == CROPS
    assert f"{count} points shown, {CROPS} of them with their crop" in page
