import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.datasets.yolo_format import write_lines
from loop.errors import PayloadError
from loop.imports.foreign import BoxNote
from loop.imports.yolo import read_yolo
from loop.label_studio.classes import ClassIndex
from loop.regions import Box, Region
from tests.datasets.builders import photo
from tests.imports.builders import CAR, NAMES, PERSON, make_yolo, sides, write


def read(root):
    return {image.name: image for image in read_yolo(root).read()}


def test_boxes_of_a_label_file_are_read_with_their_class_and_confidence(tmp_path):
    make_yolo(tmp_path, {"a": "0 0.5 0.5 0.2 0.4\n1 0.25 0.25 0.5 0.5 0.75\n"})

    boxes = read(tmp_path)["images/train/a.jpg"].boxes

    assert [(box.label, sides(box.box), box.score) for box in boxes] == [
        ("Car", (0.4, 0.3, 0.6, 0.7), None),
        ("Person", (0.0, 0.0, 0.5, 0.5), 0.75),
    ]


def test_a_polygon_among_boxes_becomes_its_enclosing_box_and_is_counted(tmp_path):
    make_yolo(tmp_path, {"a": "0 0.5 0.5 0.2 0.4\n1 0.1 0.2 0.5 0.3 0.3 0.9\n1 0.1 0.2 0.5 0.3 0.3 1\n"})

    image = read(tmp_path)["images/train/a.jpg"]

    assert [sides(one.box) for one in image.boxes[1:]] == [(0.1, 0.2, 0.5, 0.9), (0.1, 0.2, 0.5, 1)]
    assert image.notes == {BoxNote.ENCLOSED: 2}


def test_the_points_of_a_pose_are_no_polygon(tmp_path):
    make_yolo(tmp_path, {"a": "0 0.5 0.5 0.2 0.4 0.9 0.9\n"}, names="names: [Car]\nkpt_shape: [1, 2]\n")

    assert sides(read(tmp_path)["images/train/a.jpg"].boxes[0].box) == (0.4, 0.3, 0.6, 0.7)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("7 0.5 0.5 0.2 0.4", "a class from 0 to 1 that has a name", id="class-id-without-a-name"),
        pytest.param("-1 0.5 0.5 0.2 0.4", "a class from 0 to 1 that has a name", id="negative-class-id"),
        pytest.param("Car 0.5 0.5 0.2 0.4", "a class from 0 to 1 that has a name", id="a-name-in-place-of-an-id"),
        pytest.param("0 0.5 0.5 0.2", "class x y width height", id="a-number-too-few"),
        pytest.param("0 0.5 0.5 nan 0.4", "a number", id="no-number"),
        pytest.param("0 320 240 64 48", "fractions of the image", id="pixels"),
        pytest.param("0 0.5 0.5 -0.2 0.4", "fractions of the image", id="negative-width"),
        pytest.param("0 0.5 0.5 0.2 0.4 0.9 1", "track id", id="a-track-id"),
        pytest.param("0 0.5 0.5 0.2 0.4 1.7", "fractions|confidence", id="confidence-above-one"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_the_others_stay(tmp_path, line, expected):
    make_yolo(tmp_path, {"a": f"{line}\n1 0.5 0.5 0.2 0.4\n"})

    image = read(tmp_path)["images/train/a.jpg"]

    assert len(image.boxes) == 1
    (unread,) = image.unread
    assert unread.startswith("labels/train/a.txt line 1: expected ")
    assert any(part in unread for part in expected.split("|"))


def test_an_empty_label_file_shows_nothing_and_a_missing_one_says_nothing(tmp_path):
    make_yolo(tmp_path, {"empty": "", "missing": None})

    images = read(tmp_path)

    assert images["images/train/empty.jpg"].is_labelled
    assert not images["images/train/missing.jpg"].is_labelled


def test_an_image_may_have_the_name_of_a_file_that_holds_no_labels(tmp_path):
    make_yolo(tmp_path, {"test": CAR, "readme": CAR, "a": CAR})
    for name in ("test.txt", "README.txt", "labels/classes.txt"):
        write(tmp_path / name, "images/train/a.jpg\n")

    images = read(tmp_path)

    assert {name: len(image.boxes) for name, image in images.items()} == {
        "images/train/a.jpg": 1,
        "images/train/readme.jpg": 1,
        "images/train/test.jpg": 1,
    }


def test_a_label_file_without_its_image_is_named(tmp_path):
    make_yolo(tmp_path, {"a": "", "gone": "0 0.5 0.5 0.2 0.4\n"})
    (tmp_path / "images/train/gone.jpg").unlink()

    image = read(tmp_path)["labels/train/gone.txt"]

    assert image.path is None
    assert image.missing


def test_images_of_the_same_name_in_different_folders_have_their_own_labels(tmp_path):
    make_yolo(tmp_path, {"a": "0 0.5 0.5 0.2 0.4\n"}, side="train")
    make_yolo(tmp_path, {"a": "1 0.5 0.5 0.2 0.4\n"}, side="val")

    images = read(tmp_path)

    assert images["images/train/a.jpg"].boxes[0].label == "Car"
    assert images["images/val/a.jpg"].boxes[0].label == "Person"


def test_label_files_may_lie_beside_their_images(tmp_path):
    write(tmp_path / "classes.txt", "Car\nPerson\n")
    write(tmp_path / "a.jpg", photo(1))
    write(tmp_path / "a.txt", "1 0.5 0.5 0.2 0.4\n")

    assert read(tmp_path)["a.jpg"].boxes[0].label == "Person"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("path: /etc\ntrain: ../../secret/images\nval: /root\n", id="outside"),
        pytest.param("path: /nowhere\ntrain: images/train\n", id="not-there"),
        pytest.param("download: rm -rf /\ntrain: [a, b]\n", id="a-program"),
    ],
)
def test_paths_in_a_data_file_are_not_followed(tmp_path, data):
    write(tmp_path.parent / "secret/images/stolen.jpg", photo(2))
    write(tmp_path.parent / "secret/labels/stolen.txt", "0 0.5 0.5 0.2 0.4\n")
    make_yolo(tmp_path, {"a": "0 0.5 0.5 0.2 0.4\n"}, names=f"{data}names: {{0: Car}}\n")

    assert list(read(tmp_path)) == ["images/train/a.jpg"]


def test_a_link_out_of_the_folder_is_no_image(tmp_path):
    outside = write(tmp_path / "outside.jpg", photo(3))
    root = make_yolo(tmp_path / "dataset", {"a": ""})
    (root / "images/train/link.jpg").symlink_to(outside)
    (root / "images/train/inside.jpg").symlink_to(root / "images/train/a.jpg")

    assert sorted(read(root)) == ["images/train/a.jpg", "images/train/inside.jpg"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(None, "a data.yaml with the names of the classes", id="no-file"),
        pytest.param("names: 3\n", "a list, or a mapping", id="a-number"),
        pytest.param("names: {a: b}\n", "a list, or a mapping", id="names-by-name"),
        pytest.param("names: [[Car]]\n", "a list, or a mapping", id="a-list-of-lists"),
        pytest.param("names: [Car\n", "expected YAML", id="no-yaml"),
        pytest.param("names: !!python/object/apply:os.system ['true']\n", "expected YAML", id="a-program"),
    ],
)
def test_a_dataset_without_readable_names_is_refused(tmp_path, names, expected):
    make_yolo(tmp_path, {"a": ""}, names=names)

    with pytest.raises(PayloadError, match=expected):
        read_yolo(tmp_path)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param("names: [no, on, 1.10]", ["no", "on", "1.10"], id="switches"),
        pytest.param(
            "names: {0: 007, 1: 12:30, 2: 2024-01-01}", ["007", "12:30", "2024-01-01"], id="numbers-and-times"
        ),
        pytest.param("names: ['no', \"on\", ~]", ["no", "on", "~"], id="quoted"),
    ],
)
def test_names_are_read_as_they_are_written(tmp_path, names, expected):
    make_yolo(tmp_path, {"a": "".join(f"{number} 0.5 0.5 0.2 0.4\n" for number in range(3))}, names=names)

    (image,) = read_yolo(tmp_path).read()

    assert [box.label for box in image.boxes] == expected


def test_a_class_without_a_name_is_none(tmp_path):
    make_yolo(tmp_path, {"a": CAR + PERSON}, names="names: [Car, '']\n")

    (image,) = read_yolo(tmp_path).read()

    assert "a class from 0 to 0 that has a name, found 1" in image.unread[0]


@pytest.mark.parametrize("written", ["1.0", "1.", "1.000000e+00"])
def test_a_class_id_may_be_written_as_a_decimal_number(tmp_path, written):
    make_yolo(tmp_path, {"a": f"{written} 0.25 0.25 0.5 0.5\r\n"})

    (image,) = read_yolo(tmp_path).read()

    assert [(box.label, sides(box.box)) for box in image.boxes] == [("Person", (0, 0, 0.5, 0.5))]


@pytest.mark.parametrize("files", [("one.yaml", "two.yaml"), ("labels/train/classes.txt", "labels/val/classes.txt")])
def test_files_that_name_a_class_differently_are_refused_unless_a_data_file_decides(tmp_path, files):
    make_yolo(tmp_path, {"a": PERSON}, names=None)
    for file, names in zip(files, (["Car", "Person"], ["Person", "Car", "Bus"]), strict=True):
        write(tmp_path / file, f"names: {names}" if file.endswith(".yaml") else "\n".join(names))

    with pytest.raises(PayloadError, match=f"one name of the class 0.*Car, and Person in {files[1]}"):
        read_yolo(tmp_path)
    write(tmp_path / "data.yaml", NAMES)
    (image,) = read_yolo(tmp_path).read()

    assert image.boxes[0].label == "Person"


def test_a_list_may_be_longer_than_another(tmp_path):
    make_yolo(tmp_path, {"a": PERSON}, names=None)
    write(tmp_path / "labels/train/classes.txt", "Car\nPerson\n")
    write(tmp_path / "labels/val/classes.txt", "Car\n")

    assert [box.label for image in read_yolo(tmp_path).read() for box in image.boxes] == ["Person"]


def test_images_that_share_a_label_file_are_unread(tmp_path):
    make_yolo(tmp_path, {"a": CAR})
    write(tmp_path / "images/train/a.png", photo("other"))
    shared = ("labels/train/a.txt may be of any of images/train/a.jpg, images/train/a.png",)

    assert [image.unread for image in read_yolo(tmp_path).read()] == [shared, shared]


def test_an_empty_folder_is_refused(tmp_path):
    write(tmp_path / "data.yaml", "names: [Car]\n")

    with pytest.raises(PayloadError, match="label files"):
        read_yolo(tmp_path)


Sides = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)


@given(Sides, Sides)
def test_a_box_that_we_wrote_is_written_the_same_again(tmp_path_factory, horizontal, vertical):
    labels, box = ClassIndex.of(["Car", "Person"]), Box(horizontal[0], vertical[0], horizontal[1], vertical[1])
    first = write_lines([Region("a", box, "Person")], labels).text
    root = make_yolo(tmp_path_factory.mktemp("box"), {"a": first})

    boxes = read(root)["images/train/a.jpg"].boxes

    percent = [Box(*(100 * side / 100 for side in (b.box.x0, b.box.y0, b.box.x1, b.box.y1))) for b in boxes]
    again = write_lines([Region("a", box, "Person") for box in percent], labels)
    assert again.text == first
    assert not again.notes
