"""Conversion of more images than one thread takes at a time."""

import json

import pytest
from PIL import Image

from loop.ordered_map import CHUNK
from tests.builders import ls_annotation, ls_region
from tests.datasets.builders import exported, to_dataset

MANY = 3 * CHUNK


@pytest.fixture
def many(folder):
    """Tasks with alike images, of which the last three are cut off, turned, and of an odd kind."""
    whole = (folder / "images" / "1.jpg").read_bytes()
    for task in range(1, MANY + 1):
        (folder / "images" / f"{task}.jpg").write_bytes(whole)
    last = [folder / "images" / f"{MANY - number}.jpg" for number in range(3)]
    last[0].write_bytes(whole[: len(whole) // 2])
    turned = Image.Exif()
    turned[0x0112] = 6
    with Image.open(folder / "images" / "1.jpg") as image:
        image.save(last[1], "JPEG", exif=turned)
        image.convert("CMYK").save(last[2], "JPEG")
    return [exported(n, ls_annotation(ls_region("a"), annotation=n, task=n)) for n in range(1, MANY + 1)]


def test_many_images_are_checked_as_few_are(folder, many):
    dataset = to_dataset(folder, many)
    few = to_dataset(folder, [many[0], *many[-3:]], "few")

    reasons = dataset.report["left_out"]
    assert reasons == few.report["left_out"]
    assert str(MANY) in json.dumps(reasons)
    files = {item.task: (item.image, item.file) for item in dataset.items()}
    assert len(files) == MANY - 1
    assert {task: files[task] for task in (MANY - 1, MANY - 2)} == {
        item.task: (item.image, item.file) for item in few.items() if item.task > 1
    }
    assert files[MANY - 2][1].endswith(".png")
