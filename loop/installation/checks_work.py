"""Checks of the events and tasks of a project that are set aside, without Label Studio."""

from __future__ import annotations

from loop.installation.findings import Finding, ok, warning, wrong
from loop.installation.room import InstallationRoom
from loop.label_studio.projects import Project

MOST_NAMED = 5


def events(installation: InstallationRoom, project: Project) -> list[Finding]:
    """Check for events that could not be processed completely."""
    newest = next(iter(installation.reviews.events.find_set_aside(project.id, most=1)), None)
    if newest is None:
        return [ok("events", "none is set aside")]
    count, event = installation.reviews.events.count_set_aside(project.id), newest.event
    summary = f"{count} set aside; the newest, {event.id} {event.action} of {event.received_at:%Y-%m-%d %H:%M:%S} UTC"
    advice = (
        "`loop events` shows them. The sweep reads their reviews from Label Studio instead. After an upgrade or a "
        f"repair, run `loop events retry --project {project.id}`; `loop events dismiss` dismisses them"
    )
    return [warning("events", f"{summary}: {newest.error}", advice)]


def tasks(installation: InstallationRoom, project: Project) -> list[Finding]:
    """Check for tasks whose reviews could not be compared or judged."""
    waiting = installation.reviews.set_aside.all(project.id)
    if not waiting:
        return [ok("tasks", "none is set aside")]
    newest_of = {record.task_id: record for record in reversed(waiting)}
    shown = [*reversed(newest_of.values())][:MOST_NAMED]
    named = "; ".join(f"task {record.task_id}, at {record.step.value}: {record.error}" for record in shown)
    more = f"; and {len(newest_of) - len(shown)} more" if len(newest_of) > len(shown) else ""
    summary = f"{len(newest_of)} set aside, the newest first: {named}{more}"
    advice = (
        f"repair the annotations of these tasks in Label Studio, then run `loop sync --project {project.id}`: every "
        "sweep tries them again, and until then they are in no dataset and have no verdicts"
    )
    return [warning("tasks", summary, advice)]


def refused_events(installation: InstallationRoom, project: Project) -> list[Finding]:
    """Check for events that were refused, and whether any was accepted since."""
    refused = installation.reviews.refusals.of(project.id)
    if refused is None:
        return [ok("refused events", "none")]
    summary = (
        f"{refused.count} or more since {refused.first_at:%Y-%m-%d %H:%M:%S} UTC, the last one "
        f"{refused.last_at:%Y-%m-%d %H:%M:%S}: {refused.reason}"
    )
    if refused.accepted_at and refused.accepted_at > refused.last_at:
        return [ok("refused events", f"{summary}; others were accepted since")]
    advice = (
        f"run `loop sync --project {project.id}`, which repairs the webhook and reads what was missed. If events are "
        "refused again, another machine or another installation writes its own webhook: run `loop doctor` there"
    )
    return [wrong("refused events", summary, advice)]


WORK = (events, refused_events, tasks)
