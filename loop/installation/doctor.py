"""Look at everything that can be wrong with an installation, and say what to do about it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from loop.errors import UpstreamError
from loop.installation import checks_label_studio as checks_studio
from loop.installation.checks_label_studio import STUDIO
from loop.installation.checks_machine import HERE
from loop.installation.checks_model import LOADED, MODEL
from loop.installation.checks_project import PROJECT
from loop.installation.checks_reviews import REVIEWS
from loop.installation.checks_work import WORK
from loop.installation.findings import Finding, Level, told_safely, wrong
from loop.label_studio.projects import Project
from loop.parts import Parts

SECONDS = 10.0  # that each check may take
LOADING_SECONDS = 120.0  # that one may take which brings weights into memory
Check = Callable[[], list[Finding]]


def doctor(parts: Parts, project_id: int | None = None, *, seconds: float = SECONDS) -> list[Finding]:
    """
    Run every check, and return what they found in the order they are listed; nothing is changed.

    Each check stands alone: one that raises or takes longer than *seconds* is a finding itself. Where Label Studio is
    not reached, what would be asked of it is not tried. A new check is a function in one of the lists.
    """
    general = [(_name(check), partial(check, parts)) for check in (checks_studio.token, *HERE)]
    found = _run(general, seconds)
    is_reached = not any(one.check in ("token", "label studio") and one.level == Level.WRONG for one in found)
    if is_reached:
        found += _run([(_name(check), partial(check, parts)) for check in STUDIO], seconds)
    projects, missing = _projects(parts, project_id)
    for project in projects:
        checks = (*(PROJECT if is_reached else ()), *MODEL, *REVIEWS, *WORK)
        named = [(_name(check), partial(check, parts, project)) for check in checks]
        found += [replace(one, project=project.id) for one in _run(named, seconds)]
        loaded = [(_name(check), partial(check, parts, project)) for check in LOADED]
        found += [replace(one, project=project.id) for one in _run(loaded, max(seconds, LOADING_SECONDS))]
    return found + missing


def _projects(parts: Parts, project_id: int | None) -> tuple[list[Project], list[Finding]]:
    """The projects to look at, and what is wrong with asking for them."""
    try:
        known = parts.projects.all()
    except Exception as error:  # noqa: BLE001 (the check of the records says what to do)
        return [], [wrong("projects", _told(error), "see the finding on the records")]
    if project_id is None:
        return known, []
    asked = [project for project in known if project.id == project_id]
    connect = f"run `loop connect --project {project_id}`"
    return asked, [] if asked else [replace(wrong("project", "not connected", connect), project=project_id)]


def _run(checks: Sequence[tuple[str, Check]], seconds: float) -> list[Finding]:
    """Run checks side by side, and wait for none of them longer than the limit."""
    results: dict[int, list[Finding]] = {}

    def run(place: int, name: str, check: Check) -> None:
        try:
            results[place] = check()
        except UpstreamError as error:
            results[place] = [wrong(name, _told(error), "see what did not answer; then look again")]
        except Exception as error:  # noqa: BLE001 (whatever it is, the other checks go on)
            results[place] = [wrong(name, _told(error), "the check itself came to this: see what it looks at")]

    threads = [
        threading.Thread(target=run, args=(place, name, check), daemon=True)  # one that hangs holds nobody up
        for place, (name, check) in enumerate(checks)
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = f"no answer within {seconds:g} s"
    found = [
        results.get(place) or [wrong(name, late, "it hangs or is very slow; try again, then see its log")]
        for place, (name, _) in enumerate(checks)
    ]
    return [told_safely(one) for findings in found for one in findings]


def _name(check: Callable[..., object]) -> str:
    return check.__name__.replace("_", " ")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
