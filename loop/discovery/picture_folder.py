"""Writes the pictures of a discovery on disk: a contact sheet per cluster, and a map of all clusters."""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from loop.storage.files import write_whole

if TYPE_CHECKING:
    from PIL import Image


class DiscoveryFolder:
    """The pictures under *root*, in one folder per project; each is written whole or not at all."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, project_id: int) -> Path:
        """Return the folder of a project."""
        return self._root / str(project_id)

    def sheet_path(self, project_id: int, cluster_id: str) -> Path:
        """Return the path of the contact sheet of a cluster."""
        return self.path(project_id) / f"cluster-{cluster_id}.jpg"

    def write_sheet(self, project_id: int, cluster_id: str, sheet: Image.Image) -> None:
        """Write the contact sheet of a cluster."""
        content = io.BytesIO()
        sheet.save(content, "JPEG", quality=85)
        write_whole(content.getvalue(), self.sheet_path(project_id, cluster_id))

    def map_path(self, project_id: int) -> Path:
        """Return the path of the map's points, as JSON."""
        return self.path(project_id) / "map.json"

    def write_map(self, project_id: int, png: bytes, points: bytes) -> None:
        """Write the map, as a picture and as points."""
        write_whole(png, self.path(project_id) / "map.png")
        write_whole(points, self.map_path(project_id))
        (self.path(project_id) / "map.html").unlink(missing_ok=True)  # of older versions

    def remove_other_sheets(self, project_id: int, cluster_ids: Collection[str]) -> None:
        """Remove the sheets of all clusters but *cluster_ids*."""
        for sheet in self.path(project_id).glob("cluster-*.jpg"):
            if sheet.stem.removeprefix("cluster-") not in cluster_ids:
                sheet.unlink(missing_ok=True)
