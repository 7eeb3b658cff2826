"""Events and tasks that are set aside, and the deliveries of notices; retrying and dismissing them."""

from __future__ import annotations

from flask import request

from backend import access
from backend.dashboard.blueprint import Answer, go_back, page, project_page, rooms, show
from backend.dashboard.forms import form, numbers, text
from loop.errors import PayloadError
from loop.installation.watching.events import dismiss_events, retry_delivery, retry_events
from loop.label_studio.projects import Project
from loop.secrecy import redact

MOST, MORE = 50, 1000  # rows of a table


@page("events", entry="Events")
def events() -> Answer:
    """Show the newest events that are set aside, tasks that are, and deliveries."""
    reviews, outbox = rooms().reviews, rooms().outbox
    most = MORE if request.args.get("all") else MOST
    is_failed = bool(request.args.get("failed"))
    projects = [each for each in rooms().studio.projects.all() if access.caller().may_name(each.id)]
    by_project = [(each, reviews.events.find_set_aside(each.id, most=most)) for each in projects]
    tasks = [(each, reviews.set_aside.all(each.id)[:most]) for each in projects]
    deliveries = outbox.last(is_failed=is_failed, most=most)
    rows = {len(deliveries), *(len(found) for _, found in by_project), *(len(found) for _, found in tasks)}
    return show(
        "events.html",
        events=[(project, found) for project, found in by_project if found],
        counts={project.id: reviews.events.count_set_aside(project.id) for project in projects},
        tasks=[(project, each) for project, found in tasks for each in found],
        deliveries=[(delivery, redact(delivery.url)) for delivery in deliveries],
        is_failed=is_failed,
        has_more=most == MOST and MOST in rows,
        has_receivers=bool(outbox.receivers),
    )


@project_page("events/retry", methods=["POST"])
def events_retry(project: Project) -> Answer:
    """Process events again: those that are named, or all with `all`."""
    return go_back("events", retry_events(rooms().installation, project.id, _chosen()))


@project_page("events/dismiss", methods=["POST"])
def events_dismiss(project: Project) -> Answer:
    """Dismiss events: those that are named, or all with `all`."""
    return go_back("events", dismiss_events(rooms().installation, project.id, _chosen()))


@page("deliveries/retry", methods=["POST"])
def deliveries_retry() -> Answer:
    """Send a notice again to those that did not get it."""
    return go_back("events", retry_delivery(rooms().installation, text("notice", 100)))


def _chosen() -> list[int]:
    """Return the ids of a form; none stands for all. Raises PayloadError where nothing is chosen."""
    ids = numbers("id")
    if not ids and "all" not in form():
        raise PayloadError("id", "at least one event, chosen in the list", "none")
    return [] if "all" in form() else ids
