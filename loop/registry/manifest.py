"""The manifest of an archive: facts about its weights, as JSON and back. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loop.errors import ArchiveRefused
from loop.printable import shorten
from loop.vision.tiling.tiles import Tiling, read_tiling

FORMAT = 1
HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    The facts about weights; each of them may be missing.

    *classes* are the names in the order of the weights, *image_size* the pixels of the longer side at which they serve,
    *thresholds* the floor and the display threshold, *source* the place where they come from, *tiling* how images are
    cut.
    """

    classes: tuple[str, ...] = ()
    image_size: int | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    weights_sha256: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    tiling: Tiling | None = None


def write(manifest: Manifest) -> str:
    """Return the JSON of a manifest; the same manifest gives the same text."""
    content = {
        "format": FORMAT,
        "classes": list(manifest.classes),
        "image_size": manifest.image_size,
        "thresholds": dict(manifest.thresholds),
        "weights_sha256": manifest.weights_sha256,
        "source": dict(manifest.source),
        **({"tiling": manifest.tiling.as_json()} if manifest.tiling else {}),
    }
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read(text: str | bytes) -> Manifest:
    """Read a manifest. Raises ArchiveRefused, which names the wrong key."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArchiveRefused(f"manifest.json is no JSON: {error}") from error
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        raise ArchiveRefused(f'manifest.json: expected an object with "format": {FORMAT}')
    return Manifest(
        classes=_read_classes(content.get("classes")),
        image_size=_read_image_size(content.get("image_size")),
        thresholds=_read_thresholds(content.get("thresholds")),
        weights_sha256=_read_digest(content.get("weights_sha256")),
        source=_read_source(content.get("source")),
        tiling=_read_tiling(content.get("tiling")),
    )


def _read_classes(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(name, str) for name in value):
        raise _refusal("classes", "a list of names", value)
    return tuple(value)


def _read_image_size(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 32 <= value <= 8192):
        return value
    raise _refusal("image_size", "pixels from 32 to 8192", value)


def _read_thresholds(value: object) -> dict[str, float]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not set(value) <= {"floor", "display"}:
        raise _refusal("thresholds", "floor and display", value)
    for threshold in value.values():
        is_number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
        if not is_number or not 0 <= threshold <= 1:  # NaN is not either
            raise _refusal("thresholds", "numbers from 0 to 1", value)
    return {str(name): float(threshold) for name, threshold in value.items()}


def _read_digest(value: object) -> str | None:
    if value is None or (isinstance(value, str) and HEX.fullmatch(value)):
        return value
    raise _refusal("weights_sha256", "64 hexadecimal digits", value)


def _read_source(value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _refusal("source", "an object", value)
    return dict(value)


def _read_tiling(value: object) -> Tiling | None:
    try:
        return read_tiling(value)
    except ValueError as error:
        raise ArchiveRefused(f"manifest.json tiling: {shorten(str(error))}") from error


def _refusal(key: str, expected: str, found: object) -> ArchiveRefused:
    return ArchiveRefused(f"manifest.json {key}: expected {expected}, found {shorten(found)}")
