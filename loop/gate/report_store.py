"""The gate's reports on disk: a page and its JSON for every judged version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from loop.errors import UnknownReport
from loop.gate.rule import GateOutcome
from loop.storage.file_store import FileStore
from loop.storage.files import write_whole

if TYPE_CHECKING:
    from loop.gate.report import GateReport


class ReportStore:
    """Reports under *root*, in one folder per project and version."""

    def __init__(self, root: Path, files: FileStore) -> None:
        self._root, self._files = root, files

    def write(self, report: GateReport) -> Path:
        """Write a report in place of an older one of the same version; return its page."""
        from loop.gate.report import as_json
        from loop.gate.report_page import make_page

        folder = self._folder(report.project_id, report.candidate.name)
        write_whole(json.dumps(as_json(report), indent=1).encode(), folder / "report.json")
        write_whole(make_page(report).encode(), folder / "report.html")
        self._files.put(folder / "report.html")
        self._files.put(folder / "report.json")
        return folder / "report.html"

    def find(self, project_id: int, name: str) -> tuple[Path, Path]:
        """The page and the JSON of a version. Raises UnknownReport, StoreDown."""
        folder = self._folder(project_id, name)
        files = self._bring(folder / "report.html"), self._bring(folder / "report.json")
        if not all(path.exists() for path in files):
            raise UnknownReport(
                f"no report of {name}: the gate never judged it; `loop models compare` measures any two"
            )
        return files

    def read_outcome(self, project_id: int, name: str) -> GateOutcome | None:
        """The outcome of the gate for a version; None if the gate never judged it, or its report is unreadable."""
        path = self._bring(self._folder(project_id, name) / "report.json")
        try:
            return GateOutcome(json.loads(path.read_text())["outcome"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def read_class_precisions(self, project_id: int, name: str) -> dict[str, float]:
        """Return the AP of each class of a version on the held-out images; empty if the gate never judged it."""
        path = self._bring(self._folder(project_id, name) / "report.json")
        try:
            return {str(part["name"]): float(part["candidate"]) for part in json.loads(path.read_text())["classes"]}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def put_all(self) -> None:
        """Put all reports of this machine in the store."""
        for path in sorted(self._root.glob("*/*/report.*")):
            self._files.put(path)

    def _bring(self, path: Path) -> Path:
        """Return the path of a file as it is in the store: another machine may have judged the version again."""
        self._files.get(path)
        return path

    def _folder(self, project_id: int, name: str) -> Path:
        return self._root / str(project_id) / name.replace("/", "_")
