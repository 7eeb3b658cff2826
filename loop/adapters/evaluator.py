"""How well weights do on a labelled dataset, as `yolo val` measures it, but with classes matched by name."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.adapters.ultralytics_setup import prepare_ultralytics, threads
from loop.adapters.weights_loading import trained_size
from loop.decisions.evaluation import IOUS, Evaluation, Found, Labels, Metrics


def evaluate(weights: Path, data: Path, *, image_size: int | None, device: str = "", batch: int = 16) -> Evaluation:
    """
    Run weights on the `val` side of the dataset whose `data.yaml` is *data*.

    The weights may know other classes, in another order: theirs are matched to the dataset's by name without case, and
    what is left counts for nothing. So versions with different class lists compare fairly.
    """
    prepare_ultralytics()
    from ultralytics import YOLO

    model = YOLO(str(weights), task="detect")
    model.add_callback("on_val_start", _use_all_cores)
    found: list[Any] = []
    model.add_callback("on_val_end", found.append)
    with tempfile.TemporaryDirectory() as scratch:
        model.val(
            validator=_validator(),
            data=str(data),
            imgsz=image_size or trained_size(model),
            batch=batch,
            device=device or None,
            single_cls=False,  # else the weights bring theirs along
            plots=False,
            verbose=False,
            workers=0,
            project=scratch,
        )
    return _evaluation(found[0])


def _evaluation(validator: Any) -> Evaluation:
    metrics, images = validator.metrics, validator.kept
    boxes = int(metrics.nt_per_class.sum()) if metrics.nt_per_class is not None else 0
    names = tuple(str(name) for _, name in sorted(validator.names.items()))
    return Evaluation(
        class_names=names,
        images=tuple(one["name"] for one in images),
        labels=Labels(
            image=_index([one["true_class"] for one in images]),
            class_id=_joined([one["true_class"] for one in images], (), np.int32),
            box=_joined([one["true_box"] for one in images], (4,), np.float32),
        ),
        found=Found(
            image=_index([one["class"] for one in images]),
            class_id=_joined([one["class"] for one in images], (), np.int32),
            box=_joined([one["box"] for one in images], (4,), np.float32),
            confidence=_joined([one["confidence"] for one in images], (), np.float32),
            hits=_joined([one["hits"] for one in images], (IOUS,), np.bool_),
        ),
        metrics=Metrics(float(metrics.box.map50), float(metrics.box.map), int(validator.seen), boxes),
    )


def _joined(arrays: Sequence[NDArray[Any]], shape: tuple[int, ...], kind: type) -> NDArray[Any]:
    return np.concatenate([np.zeros((0, *shape), kind), *(array.astype(kind) for array in arrays)])


def _index(arrays: Sequence[NDArray[Any]]) -> NDArray[np.int32]:
    """The number of the image of each entry."""
    return np.repeat(np.arange(len(arrays), dtype=np.int32), [len(array) for array in arrays])


def _use_all_cores(_: object) -> None:
    import torch

    torch.set_num_threads(threads())  # ultralytics leaves one idle


def _validator() -> type:
    import torch
    from ultralytics.models.yolo.detect import DetectionValidator
    from ultralytics.utils import ops
    from ultralytics.utils.metrics import ConfusionMatrix

    class ByName(DetectionValidator):  # type: ignore[misc]
        """Ultralytics' validator, speaking the dataset's class ids."""

        def get_dataloader(self, *args: Any) -> Any:
            """Keep the labels of all classes; those that the weights lack would else be left out, as if not there."""
            self.names = self.data["names"]
            return super().get_dataloader(*args)

        def init_metrics(self, model: Any) -> None:
            """Prepare to translate the model's class ids."""
            super().init_metrics(model)
            ids = {str(name): class_id for class_id, name in self.data["names"].items()}
            ids |= self.data.get("former_names") or {}  # the weights may be older than a name
            folded = {name.casefold(): class_id for name, class_id in ids.items()}
            names = [str(name) for _, name in sorted(model.names.items())]
            translated = [ids.get(name, folded.get(name.casefold(), -1)) for name in names]
            self._translated = torch.tensor(translated, device=self.device)
            self.names, self.nc = self.data["names"], len(self.data["names"])
            self.metrics.names = self.names
            self.confusion_matrix = ConfusionMatrix(names=self.names)
            self.kept: list[dict[str, Any]] = []

        def postprocess(self, preds: Any) -> list[dict[str, Any]]:
            """Translate, and drop what the dataset has no class for."""
            found = []
            for one in super().postprocess(preds):
                classes = self._translated[one["cls"].long()]
                known = classes >= 0
                found.append({**{key: value[known] for key, value in one.items()}, "cls": classes[known].float()})
            return found

        def _process_batch(self, preds: dict[str, Any], batch: dict[str, Any]) -> dict[str, Any]:
            """Keep what was found on an image and which of it is right."""
            judged = super()._process_batch(preds, batch)
            self.kept.append(
                {
                    "name": Path(batch["im_file"]).stem,
                    "true_class": batch["cls"].cpu().numpy(),
                    "true_box": self._fractions(batch["bboxes"], batch),
                    "class": preds["cls"].cpu().numpy(),
                    "box": self._fractions(preds["bboxes"], batch),
                    "confidence": preds["conf"].cpu().numpy(),
                    "hits": judged["tp"],
                }
            )
            return dict(judged)

        def _fractions(self, boxes: Any, batch: dict[str, Any]) -> Any:
            """Boxes on the padded image, in pixels, as fractions of the image itself."""
            height, width = batch["ori_shape"]
            scaled = ops.scale_boxes(batch["imgsz"], boxes.clone(), batch["ori_shape"], batch["ratio_pad"])
            return scaled.cpu().numpy() / [width, height, width, height]

    return ByName
