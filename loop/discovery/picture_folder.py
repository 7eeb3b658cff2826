"""Stores the pictures of a discovery on disk: a contact sheet per cluster, and a map of all."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from PIL import Image


class DiscoveryFolder:
    """Pictures under *root*, in one folder per project; each is written whole or not at all."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, project_id: int) -> Path:
        """The folder of a project."""
        return self._root / str(project_id)

    def sheet(self, project_id: int, cluster_id: str) -> Path:
        """The path of the contact sheet of a cluster."""
        return self.path(project_id) / f"cluster-{cluster_id}.jpg"

    def keep_sheet(self, project_id: int, cluster_id: str, sheet: Image.Image) -> None:
        """Write the contact sheet of a cluster."""
        content = io.BytesIO()
        sheet.save(content, "JPEG", quality=85)
        _write(self.sheet(project_id, cluster_id), content.getvalue())

    def keep_map(self, project_id: int, png: bytes, page: str) -> None:
        """Write the map, as a picture and as a page."""
        _write(self.path(project_id) / "map.png", png)
        _write(self.path(project_id) / "map.html", page.encode())

    def tidy(self, project_id: int, cluster_ids: Collection[str]) -> None:
        """Remove the sheets of all other clusters."""
        for sheet in self.path(project_id).glob("cluster-*.jpg"):
            if sheet.stem.removeprefix("cluster-") not in cluster_ids:
                sheet.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as scratch:
        scratch.write(content)
    os.chmod(scratch.name, 0o644)  # noqa: PTH101 (the pictures are for everybody who may read the folder)
    Path(scratch.name).rename(path)
