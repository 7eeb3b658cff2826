"""The doctor's checks of what of a project's events and tasks was set aside; Label Studio is not asked."""

from __future__ import annotations

from loop.installation.findings import Finding, ok, warning
from loop.label_studio.projects import Project
from loop.parts import Parts


def events(parts: Parts, project: Project) -> list[Finding]:
    """Events of which not everything could be worked on."""
    newest = next(iter(parts.events.set_aside(project.id, most=1)), None)
    if newest is None:
        return [ok("events", "none is set aside")]
    count, event = parts.events.count_set_aside(project.id), newest.event
    found = f"{count} set aside; the newest, {event.id} {event.action} of {event.received_at:%Y-%m-%d %H:%M:%S} UTC"
    advice = (
        "`loop events` shows them. The sweep reads from Label Studio what they said of reviews. After an upgrade or a "
        f"repair run `loop events retry --project {project.id}`; `loop events dismiss` lets them lie"
    )
    return [warning("events", f"{found}: {newest.error}", advice)]


def tasks(parts: Parts, project: Project) -> list[Finding]:
    """Tasks whose reviews could not be compared or judged."""
    waiting = parts.set_aside.all(project.id)
    if not waiting:
        return [ok("tasks", "none is set aside")]
    newest, count = waiting[0], len({one.task_id for one in waiting})
    found = f"{count} set aside; the newest, task {newest.task_id}, at {newest.step.value}: {newest.error}"
    advice = (
        f"repair the annotations of these tasks in Label Studio, then run `loop sync --project {project.id}`: every "
        "sweep looks at them again, and until then they are in no dataset and have no verdicts"
    )
    return [warning("tasks", found, advice)]


WORK = (events, tasks)
