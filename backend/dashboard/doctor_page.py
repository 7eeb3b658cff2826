"""The doctor: the checks of this machine and of each project, each loaded by itself, because they take seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from flask import request

from backend.dashboard.blueprint import Answer, in_turn, page, project_page, rooms, show, show_part
from loop.installation.doctor import examine_machine, examine_project
from loop.installation.findings import Finding
from loop.label_studio.projects import Project


@page("doctor", entry="Doctor")
def doctor() -> Answer:
    """Show the page, whose parts load by themselves; with `?run=1` they stand in it, for a browser without htmx."""
    installation, projects = rooms().installation, rooms().studio.projects.all()
    sections = {}
    if request.args.get("run"):
        with in_turn():
            sections = {0: examine_machine(installation).findings}
            sections |= {each.id: examine_project(installation, each) for each in projects}
    return show("doctor.html", projects=projects, sections=sections)


@page("doctor/machine")
def doctor_machine() -> Answer:
    """Run the checks of this machine and its services."""
    return _examine(lambda: list(examine_machine(rooms().installation).findings))


@project_page("doctor")
def doctor_project(project: Project) -> Answer:
    """Run the checks of one project, except the one that loads its weights."""
    return _examine(lambda: list(examine_project(rooms().installation, project)))


def _examine(run: Callable[[], list[Finding]]) -> Answer:
    with in_turn():
        findings = run()
    return show_part("findings.html", findings=findings, counts=Counter(each.level for each in findings))
