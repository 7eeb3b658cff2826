"""Crops, keys, unit vectors, and which embedder a setting means."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.errors import PayloadError
from loop.references.entries import crop_key, entry_key
from loop.regions import Box
from loop.vision.embedders import Embedders, fingerprint_of
from loop.vision.embedding import Space, crop, normalise, pixel_box
from tests.builders import box

side = st.floats(-2, 3, allow_nan=False)


def test_a_crop_has_the_margin_asked_for():
    assert pixel_box(Box(0.4, 0.4, 0.6, 0.6), 100, 200, margin=0.1) == (38, 76, 62, 124)


def test_a_margin_ends_at_the_edge_of_the_image():
    assert pixel_box(Box(0.0, 0.5, 0.5, 1.0), 100, 100, margin=0.1) == (0, 45, 55, 100)


@given(side, side, side, side, st.integers(1, 300), st.integers(1, 300))
def test_any_box_gives_at_least_one_pixel_of_the_image(x0, y0, x1, y1, width, height):
    image = np.zeros((height, width, 3), np.uint8)

    cut = crop(image, Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))

    assert 1 <= cut.shape[0] <= height
    assert 1 <= cut.shape[1] <= width


def test_a_crop_shows_what_is_in_the_box_and_nothing_else():
    image = np.zeros((100, 100, 3), np.uint8)
    image[20:40, 60:80] = 255

    assert crop(image, Box(0.6, 0.2, 0.8, 0.4)).min() == 255


def test_label_studios_rounding_does_not_make_another_crop():
    assert crop_key("a.jpg", box(0.1)) == crop_key("a.jpg", box(0.1 + 1e-9))
    assert crop_key("a.jpg", Box(-0.0, 0, 1, 1)) == crop_key("a.jpg", Box(0.0, 0, 1, 1))
    assert crop_key("a.jpg", box(0.1)) != crop_key("a.jpg", box(0.11))
    assert crop_key("a.jpg", box()) != crop_key("b.jpg", box())


def test_a_key_is_of_one_task_and_one_embedder():
    crop = crop_key("a.jpg", box())

    keys = {entry_key(crop, task, Space("x", name)) for task in (1, 2) for name in ("one", "other")}

    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}


def test_vectors_have_unit_length_whatever_comes_in():
    vectors = normalise(np.array([[3.0, 4.0], [0.0, 0.0], [np.nan, 1.0], [1e-30, 0.0]]))

    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(vectors[0], [0.6, 0.8], atol=1e-6)


@pytest.mark.parametrize("setting", ["clip", "open_clip:ViT-B-32", "yolo", "efficientnet:8", "efficientnet:big"])
def test_a_setting_that_names_no_embedder_is_refused_by_name(setting):
    with pytest.raises(PayloadError, match="LOOP_EMBEDDER"):
        Embedders(setting)


def test_yolo_follows_the_weights_that_serve(tmp_path):
    first, second = tmp_path / "one.pt", tmp_path / "other.pt"
    first.write_bytes(b"1" * 1000)
    second.write_bytes(b"2" * 1000)
    yolo, fixed = Embedders("yolo:"), Embedders(f"yolo:{first}")

    assert yolo.space("v@1", first) != yolo.space("v@2", second)
    assert yolo.space("v@1", first).name == "loop://v@1/detection_embedding"
    assert yolo.space("v@1", first) != Embedders("yolo:", image_size=320).space("v@1", first)
    assert fixed.space("v@1", first) == fixed.space("v@2", second)
    assert yolo.space("v@1", None) is None
    assert yolo.space("v@1", tmp_path / "gone.pt") is None
    assert Embedders("none").space("v@1", first) is None


def test_open_clip_does_not_depend_on_the_version_that_serves(tmp_path):
    folder = tmp_path / "tower"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(b"1")
    tag, local = Embedders("open_clip:"), Embedders(f"open_clip:{folder}")

    assert tag.space("v@1", None) == tag.space("v@2", None)
    before = local.space("v@1", None)
    (folder / "weights.bin").write_bytes(b"2")
    assert before.fingerprint not in (local.space("v@1", None).fingerprint, tag.space("v@1", None).fingerprint)


def test_without_a_setting_an_installation_has_what_its_records_name_else_features_that_come_with_it():
    new, older = Embedders(""), Embedders("", recorded=lambda: "yolo:")

    assert new.setting == "efficientnet:"
    assert older.setting == "yolo:"
    assert Embedders("none", recorded=lambda: "yolo:").is_off
    assert new.space("v@1", None) == new.space("v@2", None)
    assert new.whole_image_space() not in (None, new.space("v@1", None))
    assert older.whole_image_space() is None


def test_a_fingerprint_tells_content_not_names(tmp_path):
    content = np.random.default_rng(0).bytes(10_000_000)
    first, same, other = tmp_path / "one", tmp_path / "same", tmp_path / "other"
    first.write_bytes(content)
    same.write_bytes(content)
    other.write_bytes(content[:-1] + b"?")

    assert fingerprint_of(first) == fingerprint_of(same)
    assert fingerprint_of(first) != fingerprint_of(other)
