"""Check an installation, and give advice on each finding."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from loop.errors import UpstreamError
from loop.installation import checks_label_studio as checks_studio
from loop.installation.checks_label_studio import STUDIO
from loop.installation.checks_machine import HERE
from loop.installation.checks_model import LOADED, MODEL
from loop.installation.checks_project import PROJECT
from loop.installation.checks_reviews import REVIEWS
from loop.installation.checks_work import WORK
from loop.installation.findings import Finding, Level, redact_finding, wrong
from loop.installation.room import InstallationRoom
from loop.label_studio.projects import Project

SECONDS = 10.0  # limit of each check
LOADING_SECONDS = 120.0  # limit of a check that loads weights into memory
log = logging.getLogger(__name__)
Check = Callable[[], list[Finding]]


def doctor(installation: InstallationRoom, project_id: int | None = None, *, seconds: float = SECONDS) -> list[Finding]:
    """
    Run every check and return the findings in the order of the lists; change nothing.

    Checks are independent: a check that raises, or takes longer than *seconds*, becomes a finding. If Label Studio does
    not answer, checks that need it are skipped. A new check is a function in one of the lists.
    """
    machine = examine_machine(installation, seconds=seconds)
    findings = list(machine.findings)
    projects, missing = _projects(installation, project_id)
    for project in projects:
        findings += _examine(installation, project, is_reached=machine.is_reached, seconds=seconds)
        log.info("loading the detector of project %d", project.id)
        findings += _run_for(installation, project, LOADED, max(seconds, LOADING_SECONDS))
    return findings + missing


@dataclass(frozen=True, slots=True)
class MachineFindings:
    """The findings on this machine and its services, and whether Label Studio can be asked about projects."""

    findings: Sequence[Finding]
    is_reached: bool


def examine_machine(installation: InstallationRoom, *, seconds: float = SECONDS) -> MachineFindings:
    """Run the checks that are of no project."""
    log.info("checking this machine")
    general = [
        (_name(check), partial(check, installation))
        for check in (checks_studio.token, checks_studio.click_tools, *HERE)
    ]
    findings = _run(general, seconds)
    is_reached = not any(each.check in ("token", "label studio") and each.level == Level.WRONG for each in findings)
    if is_reached:
        log.info("checking Label Studio")
        findings += _run([(_name(check), partial(check, installation)) for check in STUDIO], seconds)
    return MachineFindings(findings, is_reached)


def examine_project(installation: InstallationRoom, project: Project, *, seconds: float = SECONDS) -> list[Finding]:
    """Run the checks of one project, except those that load its weights."""
    reached = _run([("token", partial(checks_studio.token, installation))], seconds)
    is_reached = all(finding.level != Level.WRONG for finding in reached)
    return _examine(installation, project, is_reached=is_reached, seconds=seconds)


def list_faults(installation: InstallationRoom, project: Project, *, seconds: float = SECONDS) -> list[Finding]:
    """Run the checks of one project that read the records alone; return the findings that call for a step."""
    return [each for each in _run_for(installation, project, (*REVIEWS, *WORK), seconds) if each.level != Level.OK]


def _examine(installation: InstallationRoom, project: Project, *, is_reached: bool, seconds: float) -> list[Finding]:
    log.info("checking project %d", project.id)
    return _run_for(installation, project, (*(PROJECT if is_reached else ()), *MODEL, *REVIEWS, *WORK), seconds)


def _run_for(
    installation: InstallationRoom, project: Project, checks: Sequence[Callable[..., list[Finding]]], seconds: float
) -> list[Finding]:
    named = [(_name(check), partial(check, installation, project)) for check in checks]
    return [replace(finding, project=project.id) for finding in _run(named, seconds)]


def _projects(installation: InstallationRoom, project_id: int | None) -> tuple[list[Project], list[Finding]]:
    """Return the projects to check, and the findings on reading them."""
    try:
        known = installation.studio.projects.all()
    except Exception as error:  # noqa: BLE001 (the check of the records says what to do)
        return [], [wrong("projects", _describe(error), "see the finding on the records")]
    if project_id is None:
        return known, []
    asked = [project for project in known if project.id == project_id]
    connect = f"run `loop connect --project {project_id}`"
    return asked, [] if asked else [replace(wrong("project", "not connected", connect), project=project_id)]


def _run(checks: Sequence[tuple[str, Check]], seconds: float) -> list[Finding]:
    """Run checks in parallel, and wait for them until the limit."""
    results: dict[int, list[Finding]] = {}

    def run(place: int, name: str, check: Check) -> None:
        try:
            results[place] = check()
        except UpstreamError as error:
            results[place] = [
                wrong(name, _describe(error), "check the service that did not answer, then run `loop doctor` again")
            ]
        except Exception as error:  # noqa: BLE001 (the other checks go on)
            results[place] = [
                wrong(name, _describe(error), "the check itself failed: check the service or file that the error names")
            ]

    threads = [
        threading.Thread(target=run, args=(place, name, check), daemon=True)  # a check that hangs delays no other
        for place, (name, check) in enumerate(checks)
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = f"no answer within {seconds:g} s"
    complete = [
        results.get(place, [wrong(name, late, "the service hangs or is very slow: try again, then read its log")])
        for place, (name, _) in enumerate(checks)
    ]
    return [redact_finding(finding) for findings in complete for finding in findings]


def _name(check: Callable[..., object]) -> str:
    return check.__name__.replace("_", " ")


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
