import json

import pytest

from loop.errors import PayloadError
from loop.imports.coco import read_coco
from loop.imports.foreign import BoxNote
from tests.imports.builders import coco_box, make_coco, sides, write

ONE = {1: ("train/a.jpg", 64, 48)}
RLE = {"counts": [10, 5, 20], "size": [48, 64]}


def read(root):
    return {image.name: image for image in read_coco(root).read()}


def test_boxes_are_read_in_the_size_that_the_file_declares(tmp_path):
    make_coco(tmp_path, ONE, [coco_box(1, [16, 12, 32, 24]), coco_box(1, [0, 0, 8, 8], category=2, score=0.5)])

    image = read(tmp_path)["train/a.jpg"]

    assert image.frame == (64, 48)
    assert [(box.label, sides(box.box), box.score) for box in image.boxes] == [
        ("Car", (16, 12, 48, 36), None),
        ("Person", (0, 0, 8, 8), 0.5),
    ]


def test_a_crowd_is_left_out_and_counted(tmp_path):
    crowd = coco_box(1, [0, 0, 64, 48], iscrowd=1, segmentation=RLE)
    make_coco(tmp_path, ONE, [crowd, coco_box(1, [16, 12, 32, 24])])

    image = read(tmp_path)["train/a.jpg"]

    assert len(image.boxes) == 1
    assert image.notes == {BoxNote.CROWD: 1}


def test_a_mask_in_rle_does_not_matter_beside_a_box(tmp_path):
    make_coco(tmp_path, ONE, [coco_box(1, [16, 12, 32, 24], segmentation=RLE)])

    assert sides(read(tmp_path)["train/a.jpg"].boxes[0].box) == (16, 12, 48, 36)


def test_polygons_without_a_box_are_enclosed_and_counted(tmp_path):
    polygons = [[1, 2, 10, 2, 10, 20], [30, 30, 40, 30, 40, 35]]
    make_coco(tmp_path, ONE, [coco_box(1, [], segmentation=polygons)])

    image = read(tmp_path)["train/a.jpg"]

    assert sides(image.boxes[0].box) == (1, 2, 40, 35)
    assert image.notes == {BoxNote.ENCLOSED: 1}


@pytest.mark.parametrize("box", [[0, 0, 0, 0], [1, 2, 0.0, 18], ["1", "2", "0", "0"]])
def test_a_polygon_beside_a_box_without_extent_is_enclosed(tmp_path, box):
    make_coco(tmp_path, ONE, [coco_box(1, box, segmentation=[[1, 2, 10, 2, 10, 20]])])

    image = read(tmp_path)["train/a.jpg"]

    assert sides(image.boxes[0].box) == (1, 2, 10, 20)
    assert image.notes == {BoxNote.ENCLOSED: 1}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        pytest.param(coco_box(1, [1, 2, 3, 4], category=9), "category_id", id="a-category-that-is-missing"),
        pytest.param(coco_box(1, None, segmentation=RLE), "or polygons", id="rle-alone"),
        pytest.param(coco_box(1, [1, 2, 3]), "x, y, width and height", id="three-numbers"),
        pytest.param(coco_box(1, [1, 2, "a", 4]), "a number", id="no-number"),
        pytest.param(coco_box(1, [1, 2, -3, 4]), "of at least 0", id="negative-width"),
    ],
)
def test_an_object_that_cannot_be_read_is_named_and_the_others_stay(tmp_path, annotation, expected):
    make_coco(tmp_path, ONE, [annotation, coco_box(1, [16, 12, 32, 24])])

    image = read(tmp_path)["train/a.jpg"]

    assert len(image.boxes) == 1
    assert expected in image.unread[0]


@pytest.mark.parametrize(("listed", "meant"), [(1, 1.0), (1.0, 1), (1, "1"), ("1", 1), ("a1", "a1")])
def test_an_id_is_the_same_in_every_form_of_a_number(tmp_path, listed, meant):
    make_coco(tmp_path, {listed: ("a.jpg", 64, 48)}, [coco_box(meant, [16, 12, 32, 24], category="2")])

    (image,) = read(tmp_path).values()

    assert not image.unread
    assert [(box.label, sides(box.box)) for box in image.boxes] == [("Person", (16, 12, 48, 36))]


@pytest.mark.parametrize(
    "annotations",
    [
        pytest.param([None, coco_box(1, [1, 2, 3, 4])], id="null-in-place-of-an-object"),
        pytest.param([coco_box(None, [1, 2, 3, 4]), coco_box(1, [1, 2, 3, 4])], id="null"),
        pytest.param([coco_box(1.5, [1, 2, 3, 4]), coco_box(1, [1, 2, 3, 4])], id="no-id"),
        pytest.param([{"bbox": [1, 2, 3, 4], "category_id": 1}], id="no-image"),
        pytest.param([coco_box("a.jpg", [1, 2, 3, 4])], id="the-name-in-place-of-the-id"),
    ],
)
def test_an_object_that_may_be_of_any_image_leaves_none_of_them_an_image_without_objects(tmp_path, annotations):
    make_coco(tmp_path, {1: ("a.jpg", 64, 48), 2: ("b.jpg", 64, 48)}, annotations)

    images = read(tmp_path)

    assert "1 of `annotations` may be of this image" in images["a.jpg"].unread[0]
    assert "1 of `annotations` may be of this image" in images["b.jpg"].unread[0]


def test_of_images_with_one_id_none_takes_the_objects(tmp_path):
    make_coco(tmp_path, {1: ("a.jpg", 64, 48), "1": ("b.jpg", 64, 48)}, [coco_box(1, [16, 12, 32, 24])])

    images = read(tmp_path)

    assert [image.boxes for image in images.values()] == [(), ()]
    assert all("found 1 for 2 images" in image.unread[0] for image in images.values())


def test_an_image_that_is_listed_twice_is_one(tmp_path):
    make_coco(tmp_path, ONE, [coco_box(1, [16, 12, 32, 24])])
    file = tmp_path / "annotations/instances_train.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"images": content["images"] * 2}))

    (image,) = read_coco(tmp_path).read()

    assert (len(image.boxes), image.unread) == (1, ())


def test_a_category_with_two_names_has_none(tmp_path):
    make_coco(tmp_path, ONE, [coco_box(1, [16, 12, 32, 24])])
    file = tmp_path / "annotations/instances_train.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"categories": [{"id": 1, "name": "Car"}, {"id": 1, "name": "Bus"}]}))

    assert "a category that has one name" in read(tmp_path)["train/a.jpg"].unread[0]


@pytest.mark.parametrize(("crowd", "boxes"), [(0, 1), ("0", 1), (None, 1), ("false", 1), ("1", 0), (1, 0), (True, 0)])
def test_a_crowd_may_be_marked_by_text(tmp_path, crowd, boxes):
    make_coco(tmp_path, ONE, [coco_box(1, [16, 12, 32, 24], iscrowd=crowd)])

    assert len(read(tmp_path)["train/a.jpg"].boxes) == boxes


def test_an_image_without_objects_shows_nothing(tmp_path):
    make_coco(tmp_path, ONE, [])

    image = read(tmp_path)["train/a.jpg"]

    assert image.is_labelled
    assert image.boxes == ()


@pytest.mark.parametrize("name", ["../../secret.jpg", "/etc/hostname", "..\\..\\secret.jpg", ""])
def test_a_name_does_not_lead_out_of_the_folder(tmp_path, name):
    write(tmp_path / "secret.jpg", b"x")
    make_coco(tmp_path / "data", {1: ("train/a.jpg", 64, 48)}, [])
    content = json.loads((tmp_path / "data/annotations/instances_train.json").read_text())
    content["images"][0]["file_name"] = name
    write(tmp_path / "data/annotations/instances_train.json", json.dumps(content))

    (image,) = read_coco(tmp_path / "data").read()

    assert image.path is None
    assert image.missing


def test_images_of_the_same_name_in_different_folders_are_those_of_their_file(tmp_path):
    for side, label in (("train", 1), ("val", 2)):
        image = {1: (f"{side}/a.jpg", 64, 48)}
        make_coco(tmp_path, image, [coco_box(1, [1, 2, 3, 4], category=label)], file=f"annotations/{side}.json")
        content = json.loads((tmp_path / f"annotations/{side}.json").read_text())
        content["images"][0]["file_name"] = "a.jpg"
        write(tmp_path / f"annotations/{side}.json", json.dumps(content))

    images = read(tmp_path)

    assert images["train/a.jpg"].boxes[0].label == "Car"
    assert images["val/a.jpg"].boxes[0].label == "Person"


def test_an_ambiguous_name_is_named(tmp_path):
    make_coco(tmp_path, {1: ("one/a.jpg", 64, 48), 2: ("other/a.jpg", 64, 48)}, [])
    content = json.loads((tmp_path / "annotations/instances_train.json").read_text())
    content["images"] = [{"id": 1, "file_name": "a.jpg"}]
    write(tmp_path / "annotations/instances_train.json", json.dumps(content))

    (image,) = read_coco(tmp_path).read()

    assert image.path is None
    assert image.missing == "it may be any of 2 files: one/a.jpg, other/a.jpg"


@pytest.mark.parametrize(
    ("file", "folders", "meant"),
    [
        pytest.param("data.json", ("a", "b"), None, id="a-letter-of-a-word"),
        pytest.param("pretrain.json", ("train", "val"), None, id="the-end-of-a-word"),
        pytest.param("cam10.json", ("cam1", "cam10"), "cam10", id="the-beginning-of-a-number"),
        pytest.param("instances_val2017.json", ("train", "val"), "val", id="a-word-with-a-year"),
        pytest.param("_my-set.json", ("my-set", "set-2"), "my-set", id="two-words"),
    ],
)
def test_a_folder_is_named_by_whole_words_alone(tmp_path, file, folders, meant):
    make_coco(tmp_path, {1: ("a.jpg", 64, 48)}, [coco_box(1, [16, 12, 32, 24])], file=file)
    for folder in folders:
        write(tmp_path / folder / "a.jpg", (tmp_path / "a.jpg").read_bytes())
    (tmp_path / "a.jpg").unlink()

    (image,) = read(tmp_path).values()

    assert image.path == (tmp_path / meant / "a.jpg" if meant else None)


def test_a_name_without_its_suffix_may_have_a_point(tmp_path):
    make_coco(tmp_path, {1: ("a.v2", 64, 48)}, [coco_box(1, [16, 12, 32, 24])])
    for name in ("a.jpg", "a.v2.jpg"):
        write(tmp_path / name, (tmp_path / "a.v2").read_bytes())

    (image,) = read(tmp_path).values()

    assert image.path == tmp_path / "a.v2.jpg"


def test_objects_of_an_image_that_is_not_listed_are_named(tmp_path):
    make_coco(tmp_path, ONE, [coco_box(7, [1, 2, 3, 4])])

    assert "image 7 is not among" in read(tmp_path)["annotations/instances_train.json: image 7"].missing


def test_other_json_files_are_passed_over(tmp_path):
    make_coco(tmp_path, ONE, [coco_box(1, [1, 2, 3, 4])])
    write(tmp_path / "annotations/captions_train.json", json.dumps({"images": [], "annotations": []}))
    write(tmp_path / "notes.json", "[1, 2]")

    assert list(read(tmp_path)) == ["train/a.jpg"]


@pytest.mark.parametrize("content", [None, "[]", '{"images": []}'])
def test_a_folder_without_coco_is_refused(tmp_path, content):
    if content:
        write(tmp_path / "a.json", content)

    with pytest.raises(PayloadError, match="`images`, `annotations` and `categories`"):
        read_coco(tmp_path)
