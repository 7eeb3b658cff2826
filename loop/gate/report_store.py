"""The gate's reports on disk: a page and its JSON for every judged version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from loop.errors import UnknownReport
from loop.gate.rule import GateOutcome
from loop.storage.files import write_whole

if TYPE_CHECKING:
    from loop.gate.report import GateReport


class ReportStore:
    """Reports under *root*, in one folder per project and version."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, report: GateReport) -> Path:
        """Write a report in place of an older one of the same version; return its page."""
        from loop.gate.report import as_json
        from loop.gate.report_page import make_page

        folder = self._folder(report.project_id, report.candidate.name)
        write_whole(json.dumps(as_json(report), indent=1).encode(), folder / "report.json")
        write_whole(make_page(report).encode(), folder / "report.html")
        return folder / "report.html"

    def find(self, project_id: int, name: str) -> tuple[Path, Path]:
        """The page and the JSON of a version. Raises UnknownReport."""
        folder = self._folder(project_id, name)
        files = folder / "report.html", folder / "report.json"
        if not all(path.exists() for path in files):
            raise UnknownReport(
                f"no report of {name}: the gate never judged it; `loop models compare` measures any two"
            )
        return files

    def read_outcome(self, project_id: int, name: str) -> GateOutcome | None:
        """The outcome of the gate for a version; None if the gate never judged it, or its report is unreadable."""
        try:
            return GateOutcome(json.loads((self._folder(project_id, name) / "report.json").read_text())["outcome"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _folder(self, project_id: int, name: str) -> Path:
        return self._root / str(project_id) / name.replace("/", "_")
