"""Datasets as other programs write them."""

import json

from loop.imports.class_names import ClassNaming
from loop.imports.formats import DatasetFormat, look_through
from loop.imports.import_dataset import import_dataset, plan_import
from loop.imports.outcome import ImportPlan
from loop.label_studio.imports.tasks import LabelKind
from loop.vision.images import ImageLimits
from tests.datasets.builders import photo

CAR, PERSON = "0 0.5 0.5 0.2 0.4\n", "1 0.25 0.25 0.5 0.5\n"  # lines of a YOLO label file
NAMES = "names: [Car, Person]\n"


def make_yolo(root, labels, *, names=NAMES, side="train"):
    """A YOLO dataset: *labels* are label texts by name; None stands for no label file."""
    if names is not None:
        write(root / "data.yaml", names)
    for name, text in labels.items():
        write(root / "images" / side / f"{name}.jpg", photo(name))
        if text is not None:
            write(root / "labels" / side / f"{name}.txt", text)
    return root


def make_coco(root, images, annotations, *, categories=("Car", "Person"), file="annotations/instances_train.json"):
    """A COCO dataset; *images* are (file name, width, height) by id."""
    content = {
        "images": [
            {"id": number, "file_name": name, "width": width, "height": height}
            for number, (name, width, height) in images.items()
        ],
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in enumerate(categories, start=1)],
    }
    write(root / file, json.dumps(content))
    for name, _, _ in images.values():
        if ".." not in name:
            write(root / name, photo(name))
    return root


def coco_box(image, bbox, *, category=1, **fields):
    return {"id": 1, "image_id": image, "category_id": category, "bbox": bbox, **fields}


def make_voc(root, name, *objects, size=(64, 48), filename=None):
    """One VOC file with its image; *objects* are (class, xmin, ymin, xmax, ymax, further XML)."""
    boxes = "".join(
        f"<object><name>{label}</name>{more}<bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
        "</bndbox></object>"
        for label, x0, y0, x1, y1, more in objects
    )
    declared = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    text = f"<annotation><filename>{filename or f'{name}.jpg'}</filename>{declared}{boxes}</annotation>"
    write(root / "Annotations" / f"{name}.xml", text)
    write(root / "JPEGImages" / f"{name}.jpg", photo(name))
    return root


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def sides(box):
    return tuple(round(side, 6) for side in (box.x0, box.y0, box.x1, box.y1))


def run(
    rooms, root, *, kind=LabelKind.REVIEWS, form=DatasetFormat.YOLO, work=import_dataset, keep_sides=None, **naming
):
    naming = ClassNaming(naming.pop("names", {}), **naming)
    found = look_through(root, form)
    classes = plan_import(rooms.reviews, 1, found, naming)
    return list(work(rooms.reviews, 1, found, ImportPlan(kind, classes, keep_sides), ImageLimits()))
