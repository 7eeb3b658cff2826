"""Regions as the records keep them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from loop.regions import Box, Region


def write(region: Region) -> dict[str, Any]:
    """Write one region; the box as four fractions, `xyxy`."""
    box = region.box
    kept: dict[str, Any] = {"id": region.id, "box": [box.x0, box.y0, box.x1, box.y1], "label": region.label}
    if region.score is not None:
        kept["score"] = region.score
    if region.rotation:
        kept["rotation"] = region.rotation
    return kept


def read(kept: dict[str, Any]) -> Region:
    """Read one region back."""
    return Region(kept["id"], Box(*kept["box"]), kept["label"], kept.get("score"), kept.get("rotation", 0.0))


def write_all(regions: Iterable[Region]) -> list[dict[str, Any]]:
    """Write regions."""
    return [write(region) for region in regions]


def read_all(kept: Iterable[dict[str, Any]]) -> tuple[Region, ...]:
    """Read regions back."""
    return tuple(read(one) for one in kept)
