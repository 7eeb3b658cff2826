"""What an archive says about the weights in it, as JSON and back. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loop.errors import ArchiveRefused

FORMAT = 1
HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    What is known of weights beside themselves; all of it may be missing.

    *classes* are the names in the order of the weights, *image_size* the pixels of the longer side at which they serve,
    *thresholds* the floor and the display threshold, *source* says where they come from.
    """

    classes: tuple[str, ...] = ()
    image_size: int | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    weights_sha256: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict)


def write(manifest: Manifest) -> str:
    """The same manifest gives the same text."""
    kept = {
        "format": FORMAT,
        "classes": list(manifest.classes),
        "image_size": manifest.image_size,
        "thresholds": dict(manifest.thresholds),
        "weights_sha256": manifest.weights_sha256,
        "source": dict(manifest.source),
    }
    return json.dumps(kept, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read(text: str | bytes) -> Manifest:
    """Read a manifest. Raises ArchiveRefused, which names the key."""
    try:
        kept = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArchiveRefused(f"manifest.json is no JSON: {error}") from error
    if not isinstance(kept, Mapping) or kept.get("format") != FORMAT:
        raise ArchiveRefused(f'manifest.json: expected an object with "format": {FORMAT}')
    return Manifest(
        classes=_classes(kept.get("classes")),
        image_size=_image_size(kept.get("image_size")),
        thresholds=_thresholds(kept.get("thresholds")),
        weights_sha256=_digest(kept.get("weights_sha256")),
        source=_source(kept.get("source")),
    )


def _classes(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(one, str) for one in value):
        raise _wrong("classes", "a list of names", value)
    return tuple(value)


def _image_size(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 32 <= value <= 8192):
        return value
    raise _wrong("image_size", "pixels from 32 to 8192", value)


def _thresholds(value: object) -> dict[str, float]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not set(value) <= {"floor", "display"}:
        raise _wrong("thresholds", "floor and display", value)
    for one in value.values():
        if isinstance(one, bool) or not isinstance(one, int | float) or not (math.isfinite(one) and 0 <= one <= 1):
            raise _wrong("thresholds", "numbers from 0 to 1", value)
    return {str(name): float(one) for name, one in value.items()}


def _digest(value: object) -> str | None:
    if value is None or (isinstance(value, str) and HEX.fullmatch(value)):
        return value
    raise _wrong("weights_sha256", "64 hexadecimal digits", value)


def _source(value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _wrong("source", "an object", value)
    return dict(value)


def _wrong(key: str, expected: str, found: object) -> ArchiveRefused:
    return ArchiveRefused(f"manifest.json {key}: expected {expected}, found {found!r:.120}")
