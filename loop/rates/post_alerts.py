"""Watches the rates of a project, and posts one alert for every fall."""

from __future__ import annotations

from loop.notices import NoticeKind
from loop.rates.alerts import find_alerts
from loop.rates.measure_costs import note_saved
from loop.rates.room import RatesRoom


def watch(rates: RatesRoom, project_id: int) -> str:
    """
    Post the alerts of a project that have not been posted yet, and note what suggestions saved.

    All verdicts are read again each time, so that no alert is lost when a process dies. No alert is posted twice: a
    change is identified by its cohort, its rate and the time between the change and its detection.
    """
    note_saved(rates, project_id)
    field = rates.cohort_field
    known = rates.store.read_alerts(project_id)
    posted = []
    for alert in find_alerts(rates.store.read_verdicts(project_id, field=field), field=field):
        if any(alert.is_same_change(other) for other in known):
            continue
        key = f"{alert.cohort}:{alert.rate}:{alert.stream}:{alert.first_task}:{alert.changed_at.isoformat()}"
        if rates.outbox.post(project_id, NoticeKind.RATES_ALERT, key, alert.body()):
            posted.append(str(alert))
        known.append(alert)
    return "; ".join(posted) or "no new alert"
