"""Images of a COCO file that show something without a box."""

from loop.imports.formats import DatasetFormat
from loop.imports.outcome import ImageNote
from tests.imports.builders import coco_box, make_coco, run


def test_an_image_with_a_crowd_and_no_box_is_no_image_of_the_background(importing, studio, tmp_path):
    boxes = [coco_box(1, [1, 2, 30, 20], iscrowd=1), coco_box(2, [1, 2, 30, 20], iscrowd=1), coco_box(2, [1, 2, 9, 9])]
    make_coco(tmp_path, {1: ("a.jpg", 64, 48), 2: ("b.jpg", 64, 48), 3: ("c.jpg", 64, 48)}, boxes)

    done = {image.name: image.note for image in run(importing, tmp_path, form=DatasetFormat.COCO)}

    assert done == {"a.jpg": ImageNote.UNREAD, "b.jpg": ImageNote.IMPORTED, "c.jpg": ImageNote.IMPORTED}
