"""Watch the rates of a project, and give an alert once for every fall."""

from __future__ import annotations

from loop.notices import Kind
from loop.parts import Parts
from loop.rates.alerts import alerts


def watch(parts: Parts, project_id: int) -> str:
    """
    Post what calls for an alert and was not posted yet.

    All verdicts are gone through anew each time, so nothing is forgotten when a process dies, and nothing is posted
    twice: what an alert tells of is known by its cohort, its rate and the time between the change and its detection.
    """
    field = parts.policies.cohort_field
    known = parts.rates.alerts(project_id)
    posted = []
    for found in alerts(parts.rates.judged(project_id, field=field), field=field):
        if any(found.is_same_change(other) for other in known):
            continue
        key = f"{found.cohort}:{found.rate}:{found.stream}:{found.first_task}:{found.changed_at.isoformat()}"
        if parts.outbox.post(project_id, Kind.RATES_ALERT, key, found.body()):
            posted.append(str(found))
        known.append(found)
    return "; ".join(posted) or "no new alert"
