"""The gate's reports on disk, of every judged version and every comparison: a page, its JSON and its pictures."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from loop.errors import PayloadError, UnknownReport
from loop.gate.rule import GateOutcome
from loop.storage.file_store import FileStore
from loop.storage.files import write_whole

if TYPE_CHECKING:
    from loop.gate.report import GateReport

PAGE, FIGURES, PICTURES = "report.html", "report.json", "report.pictures.json"


class ReportStore:
    """Reports under *root*, in one folder per project and version."""

    def __init__(self, root: Path, files: FileStore) -> None:
        self._root, self._files = root, files

    def write(self, report: GateReport) -> Path:
        """Write a report in place of an older one of the same version, or of the same two; return its page."""
        from loop.gate.report import as_json
        from loop.gate.report_page import make_page
        from loop.gate.report_reader import write_pictures

        folder = self._folder(report.project_id, report.key)
        contents = {
            PICTURES: write_pictures(report),
            PAGE: make_page(report),
            FIGURES: json.dumps(as_json(report), indent=1),
        }
        for name, content in contents.items():  # the figures last: a report that has them is whole
            write_whole(content.encode(), folder / name)
            self._files.put(folder / name)
        return folder / PAGE

    def read(self, project_id: int, key: str) -> GateReport:
        """
        Return a report with its pictures, by the judged version or by `report.name_pair`.

        A report of an earlier version of this program has no pictures beside its page. Raises UnknownReport,
        PayloadError for a report that cannot be read, StoreDown.
        """
        from loop.gate.report_reader import read_report

        _, figures = self.find(project_id, key)
        pictures = self._bring(self._folder(project_id, key) / PICTURES)
        return read_report(figures.read_text(), pictures.read_text() if pictures.exists() else None)

    def read_all(self, project_id: int) -> dict[str, GateReport]:
        """Return the reports of a project by their keys, without pictures and without those that cannot be read."""
        from loop.gate.report_reader import read_report

        folder = self._root / str(project_id)
        for path, moment in self._files.list(folder, is_deep=True).items():
            if path.name == FIGURES and (not path.exists() or path.stat().st_mtime < moment.timestamp()):
                self._files.get(path)
        reports = {}
        for path in sorted(folder.glob(f"*/{FIGURES}")):
            with suppress(OSError, PayloadError):
                report = read_report(path.read_text())
                reports[report.key] = report
        return reports

    def find(self, project_id: int, name: str) -> tuple[Path, Path]:
        """The page and the JSON of a version. Raises UnknownReport, StoreDown."""
        folder = self._folder(project_id, name)
        files = self._bring(folder / PAGE), self._bring(folder / FIGURES)
        if not all(path.exists() for path in files):
            raise UnknownReport(
                f"no report of {name}: the gate never judged it; `loop models compare` measures any two"
            )
        return files

    def read_outcome(self, project_id: int, name: str) -> GateOutcome | None:
        """The outcome of the gate for a version; None if the gate never judged it, or its report is unreadable."""
        path = self._bring(self._folder(project_id, name) / FIGURES)
        try:
            return GateOutcome(json.loads(path.read_text())["outcome"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def read_class_precisions(self, project_id: int, name: str) -> dict[str, float]:
        """Return the AP of each class of a version on the held-out images; empty if the gate never judged it."""
        path = self._bring(self._folder(project_id, name) / FIGURES)
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
