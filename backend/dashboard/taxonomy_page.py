"""The taxonomy of a project: its tree with counts, its file, its thresholds, and the matches by it."""

from __future__ import annotations

from collections.abc import Callable

from backend.dashboard.at_work import ask_for, find_working
from backend.dashboard.blueprint import Answer, go_back, in_turn, project_page, rooms, show
from backend.dashboard.forms import form, reason, text
from loop.errors import LoopError, Overloaded, PayloadError, StalePlan
from loop.job_queue.page_queue import name_job
from loop.label_studio.projects import Project
from loop.storage.storable import is_text
from loop.taxonomy import manage, taxonomy_yaml
from loop.taxonomy.pages.check import CheckedFile, check_file
from loop.taxonomy.pages.prepare import apply_calibration
from loop.taxonomy.pages.tree import read_taxonomy

LONGEST_FILE = 200_000  # characters; a form may have 1 MiB, and other letters than Latin take six bytes in it
TRIED_TASKS, MOST_SHOWN = 20, 30
JOBS = {"calibrate": "calibrate", "dry_run": "dry run", "reapply": "change of matches", "undo": "undo"}
REAPPLY = "New detections are matched by it. Stored matches stay: prepare their changes below."


@project_page("taxonomy/", entry="Taxonomy")
def taxonomy(project: Project) -> Answer:
    """Show the tree."""
    return _show(project)


@project_page("taxonomy/check", methods=["POST"])
def check_taxonomy(project: Project) -> Answer:
    """Show the errors of a file, or what it would change; nothing is changed."""
    try:
        content = _content()
        with in_turn():
            checked = check_file(rooms().taxonomies, project.id, content, TRIED_TASKS)
    except (Overloaded, PayloadError) as error:
        return go_back("taxonomy", str(error), is_error=True, project_id=project.id)
    return _show(project, checked, content)


@project_page("taxonomy/apply", methods=["POST"])
def apply_taxonomy(project: Project) -> Answer:
    """Put a file in force that was checked."""

    def act() -> str:
        _require_unchanged(project)
        return manage.apply(rooms().taxonomies, project.id, taxonomy_yaml.read(_content()), reason())

    return _act(project, act, REAPPLY)


@project_page("taxonomy/thresholds", methods=["POST"])
def apply_thresholds(project: Project) -> Answer:
    """Put the prepared thresholds in force."""
    return _act(project, lambda: apply_calibration(rooms().taxonomies, project.id, reason()), REAPPLY)


@project_page("taxonomy/calibrate", methods=["POST"])
def calibrate_taxonomy(project: Project) -> Answer:
    """Ask for a job that prepares thresholds."""
    return ask_for("taxonomy", JOBS, "calibrate", project.id)


@project_page("taxonomy/dry-run", methods=["POST"])
def prepare_matches(project: Project) -> Answer:
    """Ask for a job that prepares the changes of matches."""
    return ask_for("taxonomy", JOBS, "dry_run", project.id)


@project_page("taxonomy/reapply", methods=["POST"])
def reapply_taxonomy(project: Project) -> Answer:
    """Ask for a job that makes the prepared changes."""
    return ask_for("taxonomy", JOBS, "reapply", project.id, text("token", 16))


@project_page("taxonomy/undo", methods=["POST"])
def undo_matches(project: Project) -> Answer:
    """Ask for a job that undoes the last change of matches."""
    return ask_for("taxonomy", JOBS, "undo", project.id, text("token", 16))


def _show(project: Project, checked: CheckedFile | None = None, content: str = "") -> Answer:
    current = rooms().taxonomies.store.current(project.id)
    if checked is None and current is not None:
        content = taxonomy_yaml.write(current)
    names = {name_job(job, project.id, ""): name for job, name in JOBS.items()}
    return show(
        "taxonomy.html",
        project=project,
        page=read_taxonomy(rooms().taxonomies, project.id),
        checked=checked,
        content=content if len(content) <= LONGEST_FILE else "",
        longest=LONGEST_FILE,
        most_shown=MOST_SHOWN,
        working=find_working(names),
    )


def _content() -> str:
    """Return the file in the form. Raises PayloadError."""
    content = form().get("content", "").replace("\r\n", "\n")  # a browser sends these line breaks
    if len(content) > LONGEST_FILE:
        raise PayloadError("taxonomy", f"at most {LONGEST_FILE} characters here", f"{len(content)} characters")
    if not is_text(content):
        raise PayloadError("taxonomy", "text that can be stored", content)
    return content


def _require_unchanged(project: Project) -> None:
    """Raise StalePlan if another taxonomy is in force than when the page was made."""
    current = rooms().taxonomies.store.current(project.id)
    if (current.version if current else "") != form().get("version", ""):
        raise StalePlan("another taxonomy was put in force since you checked this one: check it again")


def _act(project: Project, act: Callable[[], str], then: str) -> Answer:
    try:
        message = act()
    except LoopError as error:
        return go_back("taxonomy", str(error), is_error=True, project_id=project.id)
    return go_back("taxonomy", f"{message}. {then}", project_id=project.id)
