"""Terminal output of several commands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from loop.cli.grid import Field, show_table
from loop.installation.findings import Finding, Level
from loop.installation.status import ProjectStatus, Status
from loop.training.progress_line import describe_seconds, describe_training
from loop.training.store import Training

STYLE = {Level.OK: "green", Level.UNDER_WAY: "cyan", Level.WARNING: "yellow", Level.WRONG: "bold red"}


def show_status(out: Console, report: Status) -> None:
    """Print the state of the installation."""
    for name, state in report.parts.items():
        out.print(f"{name:<14} {state}")
    fields = (
        Field("project", is_number=True),
        Field("title", rank=1, folds=True),
        Field("champion"),
        Field("reviewed", rank=4, is_number=True),
        Field("new", rank=3, is_number=True),
        Field("last training", rank=2, folds=True),
        Field("confirmed", rank=5),
    )
    show_table(out, fields, [_project_row(project) for project in report.projects])
    for project in report.projects:
        if project.alert:
            out.print(f"project {project.id}: {project.alert}")
        for standing in project.standings:
            out.print(f"project {project.id}: {standing}")
        if seconds := describe_seconds(project.training):
            out.print(f"project {project.id}: {seconds}")
        if project.saved:
            out.print(f"project {project.id}: {project.saved}")
        if project.waits_for_a_person and project.training:
            version, options = project.training.version, f"--project {project.id}"
            out.print(f"  see it: loop models report {version} {options}")
            out.print(f'  let it serve: loop models promote {version} {options} --force --why "…"')
    for line in report.events:
        out.print(line)


def _project_row(project: ProjectStatus) -> tuple[str, ...]:
    rate = project.rates.confirmed_rate
    confirmed = "" if rate is None else f"{rate:.0%} of {project.rates.predicted}"
    counts = (str(project.reviewed), str(project.new_reviews))
    return (
        str(project.id),
        project.title,
        project.champion or "none",
        *counts,
        describe_training(project.training) + ", promoted by a person" * project.was_promoted_by_a_person,
        confirmed,
    )


def show_trainings(out: Console, trainings: Sequence[Training]) -> None:
    """Print one row per training."""
    fields = (
        Field("id", is_number=True),
        Field("state", folds=True),
        Field("asked by", rank=3, folds=True),
        Field("asked at", rank=2),
        Field("starts", rank=4, is_number=True),
        Field("version", rank=1),
    )
    rows = [
        (
            *(
                str(training.id),
                describe_training(training),
                training.asked_by,
                f"{training.asked_at:%Y-%m-%d %H:%M:%S}",
            ),
            *(str(training.attempts), training.version),
        )
        for training in trainings
    ]
    show_table(out, fields, [tuple(cell or "" for cell in row) for row in rows])


def show_findings(out: Console, findings: Sequence[Finding]) -> None:
    """Print one line per finding, with its advice below."""
    for finding in findings:
        where = f"project {finding.project} {finding.check}" if finding.project is not None else finding.check
        out.print(f"{finding.level.value:<10}", style=STYLE[finding.level], end="")
        out.print(f"{where:<24} {finding.found}")
        if finding.advice:
            out.print(f"{'':<10}{'':<24} → {finding.advice}")
    counts = Counter(finding.level for finding in findings)
    out.print(", ".join(f"{counts[level]} {level.value}" for level in Level))


def findings_json(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """Return the findings as plain JSON."""
    return [{key: value for key, value in asdict(finding).items() if value not in ("", None)} for finding in findings]
