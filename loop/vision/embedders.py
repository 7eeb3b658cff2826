"""Finds and loads the embedder that the settings ask for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path

from loop.errors import PayloadError
from loop.vision.crop_embedder import PREPARATION, CropEmbedder
from loop.vision.embedding import Embedder, Space, feature_uri
from loop.vision.encoder.efficientnet import WHOLE, EfficientNet
from loop.vision.encoder.encoder import ImageEncoder
from loop.vision.encoder.open_clip import OpenClipModel
from loop.vision.ultralytics_setup import is_on_cpu
from loop.vision.ultralytics_weights import first_device

EFFICIENTNET, YOLO, OPEN_CLIP, NONE = "efficientnet:", "yolo:", "open_clip:", "none"
DEFAULT = EFFICIENTNET  # unless the installation is older: its records then name the embedder that it had
DEFAULT_MODEL = OpenClipModel("ViT-B-32", "laion2b_s34b_b79k")
CLIP = "open_clip:, open_clip:MODEL/TAG, open_clip:MODEL/CHECKPOINT, open_clip:FOLDER"
EXPECTED = f"efficientnet:, efficientnet:PIXELS, yolo:, yolo:WEIGHTS, {CLIP} or none"
PIXELS = range(32, 1025)  # that a crop may be scaled to
BLOCKS, BLOCK = 64, 65_536  # blocks of a file that are read for its fingerprint, and the bytes of each


class Embedders:
    """
    The embedder that a setting names; if it is empty, the one that *recorded* names, else the default.

    `yolo:` follows the detector that serves: its space changes with every version. All other spaces stay. The folder
    *towers* has the exports of image encoders.
    Raises PayloadError for a setting that names no embedder.
    """

    def __init__(
        self,
        setting: str,
        device: str = "",
        image_size: int = 640,
        towers: Path | None = None,
        *,
        recorded: Callable[[], str] = str,
    ) -> None:
        self._given, self._recorded = setting.strip(), recorded
        self._device, self._image_size, self._towers = first_device(device), image_size, towers
        if self._given:
            read_encoder(self._given)  # a wrong setting is refused now, not in a job

    @cached_property
    def setting(self) -> str:
        """The setting in force."""
        return self._given or self._recorded() or DEFAULT

    @property
    def is_off(self) -> bool:
        """Whether nothing is embedded at all."""
        return self.setting == NONE

    def describe(self) -> str:
        """Return a sentence on the kind of features, and what they can tell."""
        if self.is_off:
            return "nothing is embedded: no references, no categories, no labels from the first reviews"
        if read_encoder(self.setting) is None:
            return (
                "maps of the detector: they tell apart what it was trained on, and find no new category; "
                f"LOOP_EMBEDDER={EFFICIENTNET} has features that do, and makes all vectors anew"
            )
        kind = "of ImageNet" if self.setting.startswith(EFFICIENTNET) else "of a CLIP model"
        runtime = "OpenVINO" if is_on_cpu(self._device) else "torch on a GPU"
        return f"features {kind}, by {runtime}: they tell apart what no version was trained on, and find new categories"

    def space(self, version: str, weights: Path | None, image_size: int | None = None) -> Space | None:
        """
        Return the space of the embedder while *version* with these *weights* serves; None where nothing is embedded.

        *image_size* is the version's own, if it has one.
        """
        if self.is_off:
            return None
        if encoder := read_encoder(self.setting):
            return self._space_of(encoder)
        fixed = self.setting.removeprefix(YOLO)
        source = Path(fixed) if fixed else weights
        if source is None or not source.is_file():
            return None
        from loop.vision.yolo_embedder import PREPARATION as ROI_ALIGN

        name = self.setting if fixed else feature_uri(version)
        content = f"{fingerprint_of(source)} {self._pixels(image_size)}"
        return Space(name, _hash(ROI_ALIGN, content))

    def whole_image_space(self) -> Space | None:
        """
        Return the space in which whole images can be compared, whatever version serves; None for a detector.

        In a detector's maps, averaged over an image, all images are alike (docs/tried.md).
        """
        encoder = read_encoder(self.setting, whole=True)
        return self._space_of(encoder) if encoder else None

    def load(self, space: Space, weights: Path | None, image_size: int | None = None) -> Embedder:
        """Load the embedder of a *space* into memory. Raises UpstreamError where its weights cannot be had."""
        if encoder := read_encoder(self.setting):
            towers = self._towers
            if space != self._space_of(encoder) and (whole := read_encoder(self.setting, whole=True)):
                encoder, towers = whole, towers / "whole" if towers else None
            return CropEmbedder(encoder, space, device=self._device, towers=towers)
        from loop.vision.yolo_embedder import YoloEmbedder

        fixed = self.setting.removeprefix(YOLO)
        source = Path(fixed) if fixed else weights
        assert source is not None
        return YoloEmbedder(source, space, device=self._device, image_size=self._pixels(image_size))

    def _pixels(self, of_version: int | None) -> int:
        """Return the size that images are scaled to: the version's own, unless the setting names other weights."""
        is_fixed = self.setting != YOLO
        return self._image_size if is_fixed or of_version is None else of_version

    def _space_of(self, encoder: ImageEncoder) -> Space:
        content = fingerprint_of(encoder.file) if encoder.file else ""
        return Space(self.setting, _hash(PREPARATION, *encoder.names, content))


def read_encoder(setting: str, *, whole: bool = False) -> ImageEncoder | None:
    """
    Return the image encoder that a setting names, for the crops of boxes or for *whole* images.

    None for a detector, and where nothing is embedded. Raises PayloadError for a setting that names no embedder.
    """
    if setting.startswith(EFFICIENTNET):
        return _read_efficientnet(setting, whole=whole)
    if setting.startswith(OPEN_CLIP):
        return _read_open_clip(setting)
    if setting.startswith(YOLO) or setting == NONE:
        return None
    raise PayloadError("LOOP_EMBEDDER", EXPECTED, setting)


def _read_efficientnet(setting: str, *, whole: bool) -> EfficientNet:
    pixels = setting.removeprefix(EFFICIENTNET)
    if not pixels:
        return EfficientNet(WHOLE) if whole else EfficientNet()
    if not pixels.isdecimal() or int(pixels) not in PIXELS:
        raise PayloadError("LOOP_EMBEDDER", f"efficientnet:PIXELS from {PIXELS[0]} to {PIXELS[-1]}", setting)
    return EfficientNet(int(pixels))


def _read_open_clip(setting: str) -> OpenClipModel:
    text = setting.removeprefix(OPEN_CLIP)
    if not text:
        return DEFAULT_MODEL
    if text.startswith("/") or Path(text).is_dir():
        return OpenClipModel(text)
    model, _, weights = text.partition("/")
    if not weights:
        raise PayloadError("LOOP_EMBEDDER", EXPECTED, setting)
    return OpenClipModel(model, weights)


def fingerprint_of(path: Path) -> str:
    """
    Return a hash that tells the content of a file, or of a folder's files, from others; empty without a file.

    Only the length and blocks evenly spread over the file are read, which is fast: a training changes all of them.
    """
    if path.is_dir():
        return _hash(*(f"{file.name} {fingerprint_of(file)}" for file in sorted(path.iterdir()) if file.is_file()))
    if not path.is_file():
        return ""
    facts = path.stat()
    return _read_blocks(path, facts.st_size, facts.st_mtime_ns)


@lru_cache(64)
def _read_blocks(path: Path, length: int, _changed: int) -> str:
    digest = hashlib.sha256(str(length).encode())
    with path.open("rb") as file:
        for number in range(BLOCKS):
            file.seek(number * max(0, length - BLOCK) // (BLOCKS - 1))
            digest.update(file.read(BLOCK))
    return digest.hexdigest()


def _hash(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
