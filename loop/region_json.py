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
    if region.further_labels:
        kept["further_labels"] = list(region.further_labels)
    if region.shape:
        kept["shape"] = region.shape
    return kept


def read(kept: dict[str, Any]) -> Region:
    """Read one region back."""
    return Region(
        id=kept["id"],
        box=Box(*kept["box"]),
        label=kept["label"],
        score=kept.get("score"),
        rotation=kept.get("rotation", 0.0),
        further_labels=tuple(kept.get("further_labels", ())),
        shape=kept.get("shape", ""),
    )


def write_all(regions: Iterable[Region]) -> list[dict[str, Any]]:
    """Write regions."""
    return [write(region) for region in regions]


def read_all(kept: Iterable[dict[str, Any]]) -> tuple[Region, ...]:
    """Read regions back."""
    return tuple(read(one) for one in kept)
