import pytest

from loop.errors import PayloadError
from loop.imports.foreign import BoxNote
from loop.imports.voc import read_voc
from tests.imports.builders import make_voc, sides, write

CAR = ("Car", 16, 12, 48, 36, "")
BOMB = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><annotation>&c;</annotation>'


def read(root):
    return {image.name: image for image in read_voc(root).read()}


def test_boxes_are_read_in_the_size_that_the_file_declares(tmp_path):
    make_voc(tmp_path, "a", CAR)

    image = read(tmp_path)["JPEGImages/a.jpg"]

    assert image.frame == (64, 48)
    assert [(box.label, sides(box.box)) for box in image.boxes] == [("Car", (16, 12, 48, 36))]


def test_swapped_sides_and_difficult_objects_are_taken_and_counted(tmp_path):
    make_voc(tmp_path, "a", ("Car", 48, 12, 16, 36, ""), ("Car", 1, 2, 3, 4, "<difficult>1</difficult>"))

    image = read(tmp_path)["JPEGImages/a.jpg"]

    assert [sides(box.box) for box in image.boxes] == [(16, 12, 48, 36), (1, 2, 3, 4)]
    assert image.notes == {BoxNote.SWAPPED: 1, BoxNote.DIFFICULT: 1}


def test_an_object_that_is_marked_as_deleted_is_left_out_and_counted(tmp_path):
    make_voc(tmp_path, "a", CAR, ("Car", 1, 2, 3, 4, "<deleted>1</deleted>"), (*CAR[:5], "<deleted>0</deleted>"))

    image = read(tmp_path)["JPEGImages/a.jpg"]

    assert len(image.boxes) == 2
    assert image.notes == {BoxNote.DELETED: 1}


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(("", 1, 2, 3, 4, ""), id="no-name"),
        pytest.param(("Car", "", 2, 3, 4, ""), id="a-side-is-missing"),
        pytest.param(("Car", "inf", 2, 3, 4, ""), id="no-number"),
    ],
)
def test_an_object_that_cannot_be_read_is_named_and_the_others_stay(tmp_path, item):
    make_voc(tmp_path, "a", item, CAR)

    image = read(tmp_path)["JPEGImages/a.jpg"]

    assert len(image.boxes) == 1
    assert image.unread[0].startswith("Annotations/a.xml object 1")


def test_the_image_is_found_by_the_name_of_its_file_where_another_is_named(tmp_path):
    make_voc(tmp_path, "a", CAR, filename="C:\\photos\\IMG_1.JPG")

    assert list(read(tmp_path)) == ["JPEGImages/a.jpg"]


def test_a_size_of_zero_counts_as_none(tmp_path):
    make_voc(tmp_path, "a", CAR, size=(0, 0))

    assert read(tmp_path)["JPEGImages/a.jpg"].frame is None


@pytest.mark.parametrize("text", ["<annotation>", BOMB, ""])
def test_xml_that_cannot_be_read_is_named(tmp_path, text):
    make_voc(tmp_path, "a", CAR)
    write(tmp_path / "Annotations/a.xml", text)

    (image,) = read_voc(tmp_path).read()

    assert image.unread[0].startswith("Annotations/a.xml: expected XML")


def test_other_xml_is_passed_over(tmp_path):
    make_voc(tmp_path, "a", CAR)
    write(tmp_path / "settings.xml", "<settings/>")

    assert list(read(tmp_path)) == ["JPEGImages/a.jpg"]


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(PayloadError, match="no XML file"):
        read_voc(tmp_path)
