"""No file of a dataset gets an unhandled error, whatever its form."""

import json
from contextlib import suppress

import pytest

from loop.errors import LoopError
from loop.imports.coco import read_coco
from loop.imports.foreign import ShownSize, place
from loop.imports.voc import read_voc
from loop.imports.yolo import read_yolo
from tests.datasets.builders import photo
from tests.fuzzing import JSON_PIECES, Parser, as_json, damaged_texts, encoded, feed_few, feed_many
from tests.imports.builders import CAR, PERSON, coco_box, write
from tests.mutants import mutants
from tests.samples import XML, YAML

FEW, MANY = 150, 20_000  # inputs
NAMES = "names: {0: Car, 1: 'Person'}\nkpt_shape: [1, 2]\ntrain: ../images\n"
LINES = f"{CAR}{PERSON}0 0.1 0.1 0.2 0.2 0.3 0.1\n1 0.5 0.5 0.1 0.1 0.75\n"
NUMBERS = (" ", "\n", "-", "1e999", "nan", "0", "99", "0.5", "+", "\u0663", "_")
COCO = {
    "images": [{"id": 1, "file_name": "train/a.jpg", "width": 64, "height": 48}],
    "annotations": [
        coco_box(1, [1, 2, 3, 4], iscrowd=0, score=0.5),
        coco_box(1, [], segmentation=[[1, 2, 3, 4, 5, 6]]),
        coco_box(1, None, segmentation={"counts": [1], "size": [2, 3]}),
    ],
    "categories": [{"id": 1, "name": "Car"}],
}
VOC = (
    "<annotation><filename>a.jpg</filename><size><width>64</width><height>48</height></size><object><name>Car</name>"
    "<difficult>1</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>"
    "</annotation>"
)


def look_at(read, folder):
    write(folder / "images/train/a.jpg", photo(1))
    for image in read(folder).read():
        for size in (ShownSize(64, 48), ShownSize(48, 64, 6)):
            with suppress(LoopError):
                place(image, size)


def names(content, folder):
    write(folder / "data.yaml", content)
    write(folder / "labels/train/a.txt", LINES)
    look_at(read_yolo, folder)


def lines(content, folder):
    write(folder / "data.yaml", "names: [Car, Person]\n")
    write(folder / "labels/train/a.txt", content)
    look_at(read_yolo, folder)


def coco(content, folder):
    write(folder / "a.json", content)
    look_at(read_coco, folder)


def voc(content, folder):
    write(folder / "a.xml", content)
    look_at(read_voc, folder)


PARSERS = {
    "data.yaml": Parser(encoded(damaged_texts(NAMES, pieces=YAML)), names, MANY),
    "label file": Parser(encoded(damaged_texts(LINES, pieces=NUMBERS)), lines, MANY),
    "coco": Parser(encoded(as_json(mutants(COCO)) | damaged_texts(json.dumps(COCO), pieces=JSON_PIECES)), coco, MANY),
    "voc": Parser(encoded(damaged_texts(VOC, pieces=XML)), voc, MANY),
}


@pytest.mark.parametrize("name", PARSERS)
def test_few_files_get_no_unhandled_error(name, tmp_path):
    feed_few(PARSERS[name], tmp_path, FEW)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", PARSERS)
def test_many_files_get_no_unhandled_error(name, tmp_path):
    feed_many(PARSERS[name], tmp_path)
