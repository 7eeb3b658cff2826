"""Makes labels the classes of a YOLOE or a YOLO-World, and saves it as weights that need no text encoder any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from loop.errors import WeightsRefused
from loop.failures import describe_error
from loop.printable import shorten
from loop.storage.files import name_full_disk
from loop.vision.start.prompts import LabelPrompt, as_json
from loop.vision.start.text_encoder import CLIP, FILES, MOBILE_CLIP
from loop.vision.ultralytics_setup import prepare_ultralytics
from loop.vision.weights_kind import WORLD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = Mapping[str, NDArray[np.float32]]

KEPT = "prompts"  # the key of a checkpoint under which its prompts and the vectors of their texts are kept
ADVICE = "give the .pt of a YOLOE or a YOLO-World that ultralytics publishes, such as yoloe-11s-seg.pt"
BRANCHES = ("cv2", "cv3", "one2one_cv2", "one2one_cv3")  # of a head: the layers that detect


class PromptedWeights:
    """
    A YOLOE or YOLO-World in memory, whose classes are not set yet.

    *encoder* is the kind of the text encoder that it was trained with.
    """

    def __init__(self, file: Path) -> None:
        """Load weights. Raises WeightsRefused."""
        self._file = file
        checkpoint = _load(file)
        try:
            self._network = (checkpoint.get("ema") or checkpoint["model"]).float().eval()
            self._train_args = {"imgsz": (checkpoint.get("train_args") or {}).get("imgsz", 640)}
            head = self._network.model[-1]
            self._is_world = type(self._network).__name__ == WORLD
            self.encoder = CLIP if self._is_world else str(getattr(self._network, "text_model", MOBILE_CLIP))
            self._dimensions = int(self._network.txt_feats.shape[-1] if self._is_world else head.embed)
        except Exception as error:
            raise WeightsRefused(file, f"nothing that can be prompted ({describe_error(error)})", ADVICE) from error
        if hasattr(head, "lrpc") or getattr(head, "is_fused", False):
            raise WeightsRefused(file, "a YOLOE whose classes are fixed already", f"{ADVICE}, without -pf")
        if self.encoder not in FILES:
            raise WeightsRefused(file, f"of a text encoder that is not known, {self.encoder}", ADVICE)

    def write(
        self,
        prompts: Sequence[LabelPrompt],
        known: Vectors,
        encode: Callable[[Sequence[str]], NDArray[np.float32]],
        out: Path,
    ) -> None:
        """
        Set the classes and write the weights to *out*; call this once.

        *known* are vectors of texts from earlier; *encode* is called with all other texts, if any. Raises
        WeightsRefused for vectors of another text encoder.
        """
        import torch

        vectors = dict(known)
        new = list(dict.fromkeys(text for prompt in prompts for text in prompt.texts if text not in vectors))
        vectors |= dict(zip(new, encode(new), strict=True)) if new else {}
        used = {text: vectors[text] for prompt in prompts for text in prompt.texts}
        self._check(used)
        classes = torch.from_numpy(np.stack([_average([used[text] for text in prompt.texts]) for prompt in prompts]))
        names = {number: prompt.name for number, prompt in enumerate(prompts)}
        network = self._make_world(classes) if self._is_world else self._make_plain(classes)
        network.names, network.nc, network.yaml["nc"] = names, len(names), len(names)
        for parameter in network.parameters():
            parameter.requires_grad_(True)
        kept = {
            "classes": as_json(prompts),
            "texts": list(used),
            "vectors": torch.from_numpy(np.stack([*used.values()])),
        }
        with name_full_disk(out):
            torch.save({"epoch": -1, "model": network, "train_args": self._train_args, KEPT: kept}, out)

    def _check(self, vectors: Vectors) -> None:
        for text, vector in vectors.items():
            if vector.shape != (self._dimensions,) or not np.isfinite(vector).all():
                shape = f"{vector.shape} numbers for {shorten(text)}, and {self._dimensions} are expected"
                kind = f"prompted with a vector of {shape}"
                advice = f"the vectors are of another text encoder than {FILES[self.encoder].name}: get that one"
                raise WeightsRefused(self._file, kind, advice)

    def _make_world(self, classes: Any) -> Any:
        """Keep the vectors in the network: a YOLO-World reads them at several places."""
        self._network.txt_feats = classes[None]
        self._network.model[-1].nc = len(classes)
        self._network.clip_model = None
        return self._network

    def _make_plain(self, classes: Any) -> Any:
        """
        Put the vectors into the last layer of a YOLOE: what is left is a plain detector, without the part for masks.

        It detects exactly what the YOLOE detects for these vectors, can be trained, and is exported like any other.
        """
        import torch
        from ultralytics.nn.tasks import DetectionModel

        old = self._network.model[-1]
        with torch.no_grad():
            old.fuse(old.get_tpe(classes[None]))
        plan = deepcopy(self._network.yaml)
        plan["nc"] = len(classes)
        plan["head"][-1] = [plan["head"][-1][0], 1, "Detect", ["nc"]]
        network = DetectionModel(plan, verbose=False).eval()
        for place, layer in enumerate(self._network.model[:-1]):
            network.model[place] = layer
        head = network.model[-1]
        for branch in BRANCHES:
            if hasattr(old, branch):
                setattr(head, branch, getattr(old, branch))
        head.stride, network.stride = old.stride, self._network.stride
        return network


def read_prompts(weights: Path) -> Vectors:
    """Return the vectors of the texts that weights were prompted with, by text; none for other weights."""
    kept = _load(weights).get(KEPT) or {}
    return dict(zip(kept.get("texts", ()), kept["vectors"].numpy(), strict=True)) if kept else {}


def _load(file: Path) -> dict[str, Any]:
    prepare_ultralytics()
    from ultralytics.nn.tasks import torch_safe_load

    try:
        checkpoint, _ = torch_safe_load(str(file), safe_only=True)
    except Exception as error:  # torch and ultralytics may raise anything for weights that they cannot load
        raise WeightsRefused(file, f"weights that cannot be loaded ({describe_error(error)})", ADVICE) from error
    return dict(checkpoint)


def _average(vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean direction of vectors, of length 1."""
    mean = np.mean(vectors, axis=0, dtype=np.float32)
    length = np.linalg.norm(mean)
    return np.asarray(mean / length if length else vectors[0], np.float32)
