"""Prompted networks from ultralytics' plans, a small text encoder as TorchScript, and vectors made up."""

import hashlib
import warnings

import numpy as np
import torch

from loop.vision.start.text_encoder import FILES
from loop.vision.ultralytics_setup import prepare_ultralytics

DIMENSIONS = 512
NOISE = (96, 160)


def make_base(folder, plan, *, seed=0):
    """Save a network of a plan as ultralytics saves one, with weights that tell texts apart."""
    prepare_ultralytics()
    from ultralytics import YOLO, YOLOE, YOLOWorld

    torch.manual_seed(seed)
    kind = YOLOE if "yoloe" in plan else YOLOWorld if "world" in plan else YOLO
    model = kind(plan)
    for layer in model.model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.2)
            layer.running_var.uniform_(0.5, 1.5)
        for name, value in (("bias", 0.0), ("logit_scale", 1.0)):
            if type(layer).__name__.endswith("ContrastiveHead"):
                getattr(layer, name).data.fill_(value)
    for parameter in model.model.model[-1].reprta.parameters() if kind is YOLOE else ():
        parameter.data.normal_(0, 0.05)
    path = folder / plan.replace(".yaml", ".pt")
    model.save(path)
    return path


class TinyEncoder(torch.nn.Module):
    """Turns tokens into a vector: other tokens, another vector."""

    def __init__(self, dimensions: int):
        super().__init__()
        torch.manual_seed(5)
        self.table = torch.nn.Parameter(torch.randn(997, dimensions))

    @torch.jit.export
    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        place = torch.arange(tokens.shape[1]).unsqueeze(0)
        mask = (tokens != 0).unsqueeze(-1)
        return (self.table[(tokens * 31 + place) % 997] * mask).sum(1)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.encode_text(tokens)


def make_encoder(folder, kind, dimensions=DIMENSIONS):
    """Write the file of a text encoder."""
    path = folder / FILES[kind].name
    with warnings.catch_warnings(action="ignore"):  # torch says that TorchScript is old; the encoders are
        torch.jit.script(TinyEncoder(dimensions)).save(str(path))
    return path


def vector_of(text, dimensions=DIMENSIONS):
    """A vector of length 1 that depends on the text alone."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    vector = np.random.default_rng(seed).normal(size=dimensions).astype(np.float32)
    return vector / np.linalg.norm(vector)


def encode(texts):
    return np.stack([vector_of(text) for text in texts])


def noise(seed=1):
    torch.manual_seed(seed)
    return torch.rand(1, 3, *NOISE)
