"""How well weights do on a labelled dataset, as `yolo val` measures it, but with classes matched by name."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from loop.gate import Metrics
from loop.ultralytics_setup import prepare_ultralytics, threads


def measure(weights: Path, data: Path, *, image_size: int, device: str = "", batch: int = 16) -> Metrics:
    """
    Measure weights on the `val` side of the dataset whose `data.yaml` is *data*.

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
            imgsz=image_size,
            batch=batch,
            device=device or None,
            single_cls=False,  # else the weights bring theirs along
            plots=False,
            verbose=False,
            workers=0,
            project=scratch,
        )
    metrics, images = found[0].metrics, found[0].seen
    boxes = int(metrics.nt_per_class.sum()) if metrics.nt_per_class is not None else 0
    return Metrics(float(metrics.box.map50), float(metrics.box.map), int(images), boxes)


def _use_all_cores(_: object) -> None:
    import torch

    torch.set_num_threads(threads())  # ultralytics leaves one idle


def _validator() -> type:
    import torch
    from ultralytics.models.yolo.detect import DetectionValidator
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

        def postprocess(self, preds: Any) -> list[dict[str, Any]]:
            """Translate, and drop what the dataset has no class for."""
            found = []
            for one in super().postprocess(preds):
                classes = self._translated[one["cls"].long()]
                known = classes >= 0
                found.append({**{key: value[known] for key, value in one.items()}, "cls": classes[known].float()})
            return found

    return ByName
