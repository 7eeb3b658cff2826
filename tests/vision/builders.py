"""Small files of weights, good and bad, small networks with random weights, and images of noise."""

import json
import pickle
import zipfile

import numpy as np

from loop.vision.ultralytics_setup import prepare_ultralytics

HARMLESS = pickle.dumps({"model": None, "epoch": -1}, 2)
CLASSES = ("car", "person", "dog")
FLOOR, SIDE = 0.02, 96  # confidence, pixels
LAYER = b"cultralytics.nn.tasks\nDetectionModel\n"


class Running:
    """What runs a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


def checkpoint(path, pickled=HARMLESS, *, compress=zipfile.ZIP_STORED, **more):
    """A file as torch.save writes it, with a pickle of ours."""
    with zipfile.ZipFile(path, "w", compress) as file:
        for name, content in {"data.pkl": pickled, "version": b"3\n", "data/0": b"\0" * 64, **more}.items():
            file.writestr(zipfile.ZipInfo(f"best/{name}"), content, compress)  # the same at any time
    return path


def write_detector(path, plan="yolo11n.yaml", *, is_end_to_end=False):
    """Write the weights of a small YOLO that detects many boxes of low confidence on anything; return their path."""
    prepare_ultralytics()
    import torch
    from ultralytics import YOLO

    torch.manual_seed(0)
    model = YOLO(plan, task="detect")
    model.model.names = dict(enumerate(CLASSES))
    head = model.model.model[-1]
    head.nc = len(CLASSES)
    for sides, classes in _branches(head):
        sides[-1].bias.data = -0.5 * torch.arange(head.reg_max).repeat(4)  # near sides are likelier, so boxes are small
        if head.reg_max == 1:
            sides[-1].bias.data[:] = 2.0  # cells
        classes[-1] = torch.nn.Conv2d(classes[-1].in_channels, head.nc, 1)
        torch.nn.init.normal_(classes[-1].weight, std=0.3)
        torch.nn.init.constant_(classes[-1].bias, -4.0)
    _set_statistics(model.model)
    if is_end_to_end:
        head.end2end = True
        head.fuse()  # leaves out the branch whose boxes overlap
    model.save(str(path))
    return path


def make_images(sizes):
    """Return noise of each size (height, width), the same every time."""
    rng = np.random.default_rng(7)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]


def _branches(head):
    """The last layers of each scale for boxes and classes; a head that is end to end has them twice."""
    pairs = list(zip(head.cv2, head.cv3, strict=True))
    if getattr(head, "one2one_cv2", None) is not None:
        pairs += zip(head.one2one_cv2, head.one2one_cv3, strict=True)
    return pairs


def _set_statistics(network):
    """Have each layer normalise what it is given: else nothing of an image would reach the end of random weights."""
    import torch

    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None  # the mean of all passes
    network.train()
    with torch.no_grad():
        network(torch.rand(16, 3, 64, 64))
    network.eval()


def write_tower(folder):
    """Write a small vision transformer as open_clip loads it; return its folder."""
    import open_clip
    import torch

    torch.manual_seed(0)
    rooms = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 64, "patch_size": 16, "width": 64, "head_width": 16, "layers": 2},
        "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1},
    }
    folder.mkdir()
    torch.save(open_clip.CLIP(**rooms).state_dict(), folder / "open_clip_pytorch_model.bin")
    settings = {"mean": [0.5] * 3, "std": [0.25] * 3}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": rooms, "preprocess_cfg": settings}))
    return folder
