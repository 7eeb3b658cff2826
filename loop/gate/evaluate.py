"""Evaluates a detector on a labelled dataset as `yolo val` does, on the images as the detector serves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from loop.datasets.folder import list_held_out
from loop.datasets.yolo_format import read_data_file, read_lines
from loop.gate.average_precision import add_metrics
from loop.gate.evaluation import IOUS, Evaluation, Metrics, PredictedBoxes, TrueBoxes
from loop.gate.true_positives import mark_hits
from loop.label_studio.label_config_xml import fold
from loop.regions import Box, find_doubles
from loop.vision.image_files import read_prepared

if TYPE_CHECKING:
    from loop.vision.detector import Detector

LabelMap = Callable[[Sequence[str]], Mapping[str, str]]
FLOOR = 0.001  # the least confidence that counts; `yolo val` has the same


def evaluate(detector: Detector, data: Path, label_map: LabelMap | None = None) -> Evaluation:
    """
    Run a detector on the held-out side of the dataset whose `data.yaml` is *data*, image by image as it serves.

    The detector may know other classes, in another order. Classes are matched to the dataset's by exact name, then by
    *label_map*, which returns the labels that classes mean, then by name without case. A class of the dataset that was
    renamed since is known by both names; those that are one label by *label_map* are one class.
    Detections of any other class are left out, which makes versions with different class lists comparable. A box
    counts for every class it may have, and once where several of the detector's classes are one of the dataset's.
    Raises ImageUnreadable, PayloadError.
    """
    classes = read_data_file(data.read_text())
    meant, today = (label_map(names) if label_map else {} for names in (detector.class_names, list(classes.ids)))
    ids = _join_classes(classes.ids, today)
    class_ids = _map_classes(detector.class_names, ids, meant)
    joined = _list_joined(class_ids)
    paths = list_held_out(data)
    labels, detections = [], []
    for path in paths:
        labels.append(_read_labels(data.parent / "labels" / "held_out" / f"{path.stem}.txt", classes.names, ids))
        prediction = detector.look(read_prepared(path), FLOOR, is_multi_label=True)
        class_id = class_ids[prediction.class_id]
        chosen = (class_id >= 0) & ~_find_repeated(class_id, prediction.box, prediction.confidence, joined)
        detections.append((class_id[chosen], prediction.box[chosen], prediction.confidence[chosen]))
    names = tuple(path.stem for path in paths)
    return add_metrics(mark_hits(_join_images(classes.names, names, labels, detections)))


def _join_classes(ids: Mapping[str, int], today: Mapping[str, str]) -> dict[str, int]:
    """The dataset's id of each name and of its label of today; names that are one label now have one id."""
    known = {label: ids[label] for label in today.values() if label in ids}
    for name, class_id in ids.items():
        known.setdefault(today.get(name, name), class_id)
    return known | {name: known[today.get(name, name)] for name in ids}


def _map_classes(class_names: Sequence[str], ids: Mapping[str, int], meant: Mapping[str, str]) -> NDArray[np.int32]:
    """The dataset's id of each of the detector's classes; -1 for a class that the dataset lacks."""
    folded = {fold(name): class_id for name, class_id in ids.items()}
    others = [ids.get(meant.get(name, name), folded.get(fold(name), -1)) for name in class_names]
    return np.array([ids.get(name, other) for name, other in zip(class_names, others, strict=True)], np.int32)


def _list_joined(class_ids: NDArray[np.int32]) -> list[int]:
    """The dataset's classes that several of the detector's classes are."""
    ids, counts = np.unique(class_ids[class_ids >= 0], return_counts=True)
    return [int(class_id) for class_id in ids[counts > 1]]


def _find_repeated(
    class_id: NDArray[np.int32], box: NDArray[Any], confidence: NDArray[Any], joined: Sequence[int]
) -> NDArray[np.bool_]:
    """Tell of each detection of a *joined* class whether a surer one shows its object; a detector keeps one of each."""
    is_repeated = np.zeros(len(class_id), np.bool_)
    for each in joined:
        members = np.flatnonzero(class_id == each)
        ranked = members[np.argsort(-confidence[members], kind="stable")]
        doubles = find_doubles([Box(*map(float, sides)) for sides in box[ranked]], [""] * len(ranked))
        is_repeated[ranked] = [double is not None for double in doubles]
    return is_repeated


def _read_labels(path: Path, class_names: Sequence[str], ids: Mapping[str, int]) -> tuple[list[int], list[list[float]]]:
    """Class ids and boxes of a label file; a repeated line counts once, as in ultralytics."""
    lines = dict.fromkeys(path.read_text().splitlines())
    regions = read_lines("\n".join(lines), class_names, str(path))
    boxes = [list(region.box.sides) for region in regions]
    return [ids[region.label] for region in regions], boxes


def _join_images(
    class_names: tuple[str, ...], images: tuple[str, ...], labels: Sequence[Any], detections: Sequence[Any]
) -> Evaluation:
    """Join the labels and detections of all images; hits and metrics are left at zero."""
    image = _number_images([class_id for class_id, _, _ in detections])
    return Evaluation(
        class_names=class_names,
        images=images,
        labels=TrueBoxes(
            image=_number_images([class_id for class_id, _ in labels]),
            class_id=_join([class_id for class_id, _ in labels], (), np.int32),
            box=_join([box for _, box in labels], (4,), np.float32),
        ),
        detections=PredictedBoxes(
            image=image,
            class_id=_join([class_id for class_id, _, _ in detections], (), np.int32),
            box=_join([box for _, box, _ in detections], (4,), np.float32),
            confidence=_join([confidence for _, _, confidence in detections], (), np.float32),
            hits=np.zeros((len(image), IOUS), np.bool_),
        ),
        metrics=Metrics(0.0, 0.0, len(images), sum(len(class_id) for class_id, _ in labels)),
    )


def _join(arrays: Sequence[Any], shape: tuple[int, ...], kind: type) -> NDArray[Any]:
    return np.concatenate([np.asarray(array, kind).reshape(-1, *shape) for array in [[], *arrays]])


def _number_images(arrays: Sequence[Any]) -> NDArray[np.int32]:
    """The number of the image of each entry."""
    return np.repeat(np.arange(len(arrays), dtype=np.int32), [len(array) for array in arrays])
