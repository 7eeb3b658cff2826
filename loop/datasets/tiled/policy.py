"""Decides whether images are trained on tile by tile. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from loop.vision.tiling.tiles import Tiling

TILES = "tiles"  # the folder of the tiles of a dataset


@dataclass(frozen=True, slots=True)
class TilePolicy:
    """*tile* is the side of the tiles in pixels, 0: images stay whole. Neighbours share *tile_overlap* of the side."""

    tile: int = 0
    tile_overlap: float = 0.2

    def of(self, project: Mapping[str, Any]) -> TilePolicy:
        """The policy with the project's own values in place of the defaults."""
        return replace(self, **{name: project[name] for name in TILE_NAMES if name in project})

    @property
    def tiling(self) -> Tiling | None:
        """How images are cut; None where they stay whole."""
        return Tiling.of(self.tile, self.tile_overlap) if self.tile else None


TILE_NAMES = tuple(field.name for field in fields(TilePolicy))
