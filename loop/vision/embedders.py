"""Finds and loads the embedder that the settings ask for."""

from __future__ import annotations

import hashlib
from pathlib import Path

from loop.errors import PayloadError
from loop.vision.embedding import Embedder, Space
from loop.vision.open_clip_embedder import PREPARATION, OpenClipEmbedder, OpenClipModel
from loop.vision.ultralytics_weights import first_device

YOLO, OPEN_CLIP, NONE = "yolo:", "open_clip:", "none"
DEFAULT_MODEL = OpenClipModel("ViT-B-32", "laion2b_s34b_b79k")
EXPECTED = "yolo:, yolo:WEIGHTS, open_clip:, open_clip:MODEL/TAG, open_clip:MODEL/CHECKPOINT, open_clip:FOLDER or none"
BLOCKS, BLOCK = 64, 65_536  # blocks of a file that are read for its fingerprint, and the bytes of each


class Embedders:
    """
    The embedder that a setting names.

    `yolo:` follows the detector that serves: its space changes with every version. The space of `yolo:WEIGHTS` stays.
    The folder *towers* has the exports of `open_clip:` models.
    Raises PayloadError for a setting that names no embedder.
    """

    def __init__(self, setting: str, device: str = "", image_size: int = 640, towers: Path | None = None) -> None:
        self._setting, self._device, self._image_size = setting.strip(), first_device(device), image_size
        self._towers = towers
        if not self._setting.startswith((YOLO, OPEN_CLIP)) and self._setting != NONE:
            raise PayloadError("LOOP_EMBEDDER", EXPECTED, setting)
        if self._setting.startswith(OPEN_CLIP):
            self._open_clip_model()  # a wrong setting is refused now, not in a job

    @property
    def is_off(self) -> bool:
        """Whether nothing is embedded at all."""
        return self._setting == NONE

    def space(self, version: str, weights: Path | None, image_size: int | None = None) -> Space | None:
        """
        Return the space of the embedder while *version* with these *weights* serves; None where nothing is embedded.

        *image_size* is the version's own, if it has one.
        """
        if self.is_off:
            return None
        if self._setting.startswith(OPEN_CLIP):
            return self.whole_image_space()
        fixed = self._setting.removeprefix(YOLO)
        source = Path(fixed) if fixed else weights
        if source is None or not source.is_file():
            return None
        from loop.vision.yolo_embedder import PREPARATION as ROI_ALIGN

        name = self._setting if fixed else f"loop://{version}/detection_embedding"
        content = f"{fingerprint_of(source)} {self._pixels(image_size)}"
        return Space(name, _hash(ROI_ALIGN, content))

    def whole_image_space(self) -> Space | None:
        """
        Return the space in which whole images can be compared, whatever version serves; None for a detector.

        In a detector's maps, averaged over an image, all images are alike (docs/tried.md).
        """
        if not self._setting.startswith(OPEN_CLIP):
            return None
        model = self._open_clip_model()
        content = fingerprint_of(model.file) if model.file else ""
        return Space(self._setting, _hash(PREPARATION, model.name, model.weights, content))

    def load(self, space: Space, weights: Path | None, image_size: int | None = None) -> Embedder:
        """Load the embedder of a *space* into memory. Raises UpstreamError where its weights cannot be had."""
        if self._setting.startswith(OPEN_CLIP):
            return OpenClipEmbedder(self._open_clip_model(), space, device=self._device, towers=self._towers)
        from loop.vision.yolo_embedder import YoloEmbedder

        fixed = self._setting.removeprefix(YOLO)
        source = Path(fixed) if fixed else weights
        assert source is not None
        return YoloEmbedder(source, space, device=self._device, image_size=self._pixels(image_size))

    def _pixels(self, of_version: int | None) -> int:
        """Return the size that images are scaled to: the version's own, unless the setting names other weights."""
        is_fixed = self._setting != YOLO
        return self._image_size if is_fixed or of_version is None else of_version

    def _open_clip_model(self) -> OpenClipModel:
        text = self._setting.removeprefix(OPEN_CLIP)
        if not text:
            return DEFAULT_MODEL
        if text.startswith("/") or Path(text).is_dir():
            return OpenClipModel(text)
        model, _, weights = text.partition("/")
        if not weights:
            raise PayloadError("LOOP_EMBEDDER", EXPECTED, self._setting)
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
    digest, length = hashlib.sha256(), path.stat().st_size
    digest.update(str(length).encode())
    with path.open("rb") as file:
        for number in range(BLOCKS):
            file.seek(number * max(0, length - BLOCK) // (BLOCKS - 1))
            digest.update(file.read(BLOCK))
    return digest.hexdigest()


def _hash(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
