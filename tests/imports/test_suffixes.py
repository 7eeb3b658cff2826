"""The suffixes of a dataset's files, which Windows writes in any case."""

from loop.imports.coco import read_coco
from loop.imports.yolo import read_yolo
from tests.imports.builders import NAMES, PERSON, coco_box, make_coco, make_yolo, write


def test_label_files_and_names_of_yolo_may_end_in_capitals(tmp_path):
    make_yolo(tmp_path, {"a": None}, names=None)
    write(tmp_path / "labels/train/a.TXT", PERSON)
    write(tmp_path / "DATA.YAML", NAMES)

    (image,) = read_yolo(tmp_path).read()

    assert [box.label for box in image.boxes] == ["Person"]


def test_the_json_of_coco_may_end_in_capitals(tmp_path):
    make_coco(tmp_path, {1: ("a.jpg", 64, 48)}, [coco_box(1, [16, 12, 32, 24])], file="LABELS.JSON")

    (image,) = read_coco(tmp_path).read()

    assert len(image.boxes) == 1
