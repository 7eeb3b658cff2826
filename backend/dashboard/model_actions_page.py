"""What a person may do with versions: promote, roll back, pin, unpin, try in the shadow, and measure two of them."""

from __future__ import annotations

from backend.dashboard.blueprint import Answer, go_back, in_turn, project_page, rooms
from backend.dashboard.forms import check_shown, form, reason, text
from loop.errors import LoopError, PayloadError
from loop.gate.promote_by_hand import check_promotion
from loop.gate.report import name_pair
from loop.job_queue.queue import DEFAULT, GPU
from loop.label_studio.projects import Project
from loop.registry import promote as promoting
from loop.serving import shadow as shadowing
from loop.storage.actor import who_acts


@project_page("models/promote", methods=["POST"])
def promote_model(project: Project) -> Answer:
    """Ask for the job that lets a version serve; it may have to be exported first."""
    name, why, is_forced = text("version"), reason(), "force" in form()
    try:
        version = check_promotion(rooms().gate, project.id, name, why, is_forced=is_forced)
        given = (version.name, why, who_acts())
        rooms().queue.ask_page_job(DEFAULT, "promote", version.name, project.id, *given, is_forced=is_forced)
    except LoopError as error:
        return _refuse(project, error)
    message = f"{version.name} will serve as soon as the job promote has exported and loaded it"
    return go_back("model_version", message, project_id=project.id, name=version.name)


@project_page("models/pin", methods=["POST"])
def pin_model(project: Project) -> Answer:
    """Let a version serve, and keep it whatever the gate says."""
    name, why = text("version"), reason()
    try:
        with in_turn():
            version = promoting.pin(rooms().registry, project.id, name, why)
    except LoopError as error:
        return _refuse(project, error)
    message = f"{version.name} serves, and stays until the pin is removed"
    return go_back("model_version", message, project_id=project.id, name=version.name)


@project_page("models/unpin", methods=["POST"])
def unpin_model(project: Project) -> Answer:
    """Let the gate decide again."""
    check_shown("version", project.pinned)
    pinned = promoting.unpin(rooms().registry, project.id, reason())
    message = f"the pin to {pinned} is removed: the gate decides again" if pinned else "no version was pinned"
    return go_back("models", message, project_id=project.id)


@project_page("models/roll-back", methods=["POST"])
def roll_back_model(project: Project) -> Answer:
    """Let the version serve that served before, if it is still the one that the page named."""
    name, why = text("version"), reason()
    try:
        with in_turn():
            version = promoting.roll_back(rooms().registry, project.id, why, name)
    except LoopError as error:
        return _refuse(project, error)
    return go_back("models", f"{version.name} serves again", project_id=project.id)


@project_page("models/shadow", methods=["POST"])
def shadow_model(project: Project) -> Answer:
    """Let a version predict beside the one that serves, for a share of the tasks."""
    name, share, is_shown = text("version"), _read_share(text("share", 30)), "show" in form()
    with in_turn():
        shadow = shadowing.begin(rooms().serving, project.id, name, share, is_shown=is_shown)
    message = f"{shadow} answers beside the champion on {share:.0%} of the tasks; `loop rates --shadow` compares them"
    return go_back("model_version", message, project_id=project.id, name=shadow)


@project_page("models/shadow/end", methods=["POST"])
def end_shadow(project: Project) -> Answer:
    """Stop the shadow."""
    check_shown("version", project.shadow)
    shadowing.end(rooms().serving, project.id)
    return go_back("models", "the project no longer has a shadow; its verdicts stay", project_id=project.id)


@project_page("models/measure", methods=["POST"])
def measure_models(project: Project) -> Answer:
    """Ask for the job that measures two versions on the newest held-out images."""
    versions = rooms().registry.versions
    first, second = (versions.get(project.id, text(name)).name for name in ("first", "second"))
    try:
        is_asked = rooms().queue.ask_page_job(GPU, "compare", name_pair(first, second), project.id, first, second)
    except LoopError as error:
        return _refuse(project, error)
    message = (
        "asked for: the job compare measures both, after a training that runs" if is_asked else "asked for already"
    )
    return go_back("compare_models", message, project_id=project.id, first=first, second=second)


def _read_share(given: str) -> float:
    """Return a share of the tasks. Raises PayloadError."""
    try:
        share = float(given)
    except ValueError:
        share = 0.0
    if not 0.0 < share <= 1.0:
        raise PayloadError("share", "a number of more than 0 and at most 1", given)
    return share


def _refuse(project: Project, error: LoopError) -> Answer:
    return go_back("models", str(error), is_error=True, project_id=project.id)
