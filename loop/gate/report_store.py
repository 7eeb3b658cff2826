"""The gate's reports on disk: a page and its JSON for every version that was judged, whatever the outcome."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from loop.errors import UnknownReport
from loop.gate.report import Report, as_json
from loop.gate.report_page import page


class ReportFolder:
    """Reports under *root*, in one folder per project and version."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, report: Report) -> Path:
        """Write a report in place of an older one of the same version; return its page."""
        folder = self._folder(report.project_id, report.candidate.name)
        write(folder / "report.json", json.dumps(as_json(report), indent=1))
        write(folder / "report.html", page(report))
        return folder / "report.html"

    def find(self, project_id: int, name: str) -> tuple[Path, Path]:
        """The page and the JSON of a version. Raises UnknownReport."""
        folder = self._folder(project_id, name)
        files = folder / "report.html", folder / "report.json"
        if not all(path.exists() for path in files):
            raise UnknownReport(name)
        return files

    def _folder(self, project_id: int, name: str) -> Path:
        return self._root / str(project_id) / name.replace("/", "_")


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all, and make its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as scratch:
        scratch.write(text)
    os.chmod(scratch.name, 0o644)  # noqa: PTH101 (the page is for everybody who may read the folder)
    Path(scratch.name).rename(path)
