"""The page on which sure open tasks are accepted as they are, and taken back."""

from __future__ import annotations

from flask import request

from backend.dashboard.at_work import ask_for, find_working
from backend.dashboard.blueprint import Answer, in_turn, project_page, rooms, show
from backend.dashboard.forms import check_shown, text
from loop.errors import LoopError, PayloadError
from loop.job_queue.page_queue import name_job
from loop.label_studio.projects import Project
from loop.rates.accept.explain import explain
from loop.rates.accept.plan import LEAST_ERROR, MOST_ERROR, AcceptPlan, plan_acceptance

USUAL = 0.02  # share of wrong boxes
JOBS = {"accept": "accept", "undo_accept": "undo"}


@project_page("accept/", entry="Accept")
def accept(project: Project) -> Answer:
    """Show the plan for the error in the address, and the number of accepted tasks."""
    plan, trouble = None, ""
    if given := request.args.get("error", ""):
        try:
            with in_turn():
                plan = plan_acceptance(rooms().rates, project.id, _read_error(given))
        except LoopError as error:
            trouble = str(error)
    return show(
        "accept.html",
        project=project,
        plan=plan,
        lines=_make_sentences(plan),
        trouble=trouble,
        error=given or f"{USUAL:g}",
        limits=(LEAST_ERROR, MOST_ERROR),
        accepted=_count_accepted(project),
        working=find_working({name_job(job, project.id, ""): name for job, name in JOBS.items()}),
    )


@project_page("accept/do", methods=["POST"])
def accept_tasks(project: Project) -> Answer:
    """Ask for a job that accepts the tasks of a plan."""
    error = str(_read_error(text("error", 30)))
    return ask_for("accept", JOBS, "accept", project.id, error, text("token", 16))


@project_page("accept/undo", methods=["POST"])
def undo_accepted(project: Project) -> Answer:
    """Ask for a job that takes back what was accepted, if it is what the page showed."""
    check_shown("accepted", _count_accepted(project))
    return ask_for("accept", JOBS, "undo_accept", project.id)


def _count_accepted(project: Project) -> int:
    return sum(task.annotation_id is not None for task in rooms().reviews.accepted.read(project.id))


def _read_error(given: str) -> float:
    """Return a share of wrong boxes. Raises PayloadError."""
    try:
        error = float(given)
    except ValueError:
        error = 0.0
    if not LEAST_ERROR <= error <= MOST_ERROR:
        raise PayloadError("error", f"a number from {LEAST_ERROR:g} to {MOST_ERROR:g}", given)
    return error


def _make_sentences(plan: AcceptPlan | None) -> list[str]:
    return [f"{line[:1].upper()}{line[1:]}." for line in (explain(plan) if plan else [])]
