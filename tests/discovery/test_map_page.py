"""The map of the clusters, and the sheets of their crops."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from loop.discovery.drawings import MOST_ON_SHEET, TILE, draw_contact_sheet, draw_map, lay_out, write_points
from loop.discovery.tracking import Member, NameHint, UnknownCluster
from tests.builders import box
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


def test_the_points_of_the_map_say_which_box_each_is():
    members = [member(f"k{row}", task=row, label=["Car", "</script>"][row % 2]) for row in range(4)]
    hint = NameHint(None, 0.0, "", 0.0)
    cluster = UnknownCluster("ab12", tuple(members[:2]), (), None, 0.5, hint)

    content = json.loads(write_points(np.eye(4, 2, dtype=np.float32), np.array([0, 0, -1, -1]), [cluster], members))

    assert content["clusters"] == ["ab12"]
    assert (content["x"], content["y"], content["cluster"]) == ([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, -1])
    assert [content["labels"][at] for at in content["label"]] == ["Car", "</script>", "Car", "</script>"]
    assert (content["task"], content["region"]) == ([0, 1, 2, 3], ["r0", "r1", "r2", "r3"])


def member(key, task, label):
    return Member(key, "crop", task, "/image.jpg", box(0.1, 0.1, 0.2, 0.2), f"r{task}", label, 0.25)
