"""What a person does with events that are set aside, and with deliveries that failed."""

from __future__ import annotations

from collections.abc import Sequence

from loop.errors import PayloadError, UpstreamError
from loop.installation.room import InstallationRoom


def retry_events(installation: InstallationRoom, project_id: int, ids: Sequence[int] = ()) -> str:
    """Have events that are set aside processed again, all or by id; return one line. Raises PayloadError for none."""
    count = _require_any(installation.reviews.events.retry(project_id, ids), ids)
    try:
        installation.queue.ask_review(project_id)
    except UpstreamError as error:
        return f"{count} events wait for the sweep: {error}"
    return f"{count} events are worked on again; `loop events` shows which of them fail"


def dismiss_events(installation: InstallationRoom, project_id: int, ids: Sequence[int] = ()) -> str:
    """Dismiss events that are set aside, all or by id; return one line. Raises PayloadError for none."""
    count = _require_any(installation.reviews.events.dismiss(project_id, ids), ids)
    return f"{count} events are dismissed"


def retry_delivery(installation: InstallationRoom, notice_id: str) -> str:
    """Send a notice again to every receiver that did not get it; return one line. Raises PayloadError for none."""
    count = installation.outbox.retry(notice_id)
    if not count:
        raise PayloadError("ID", "a notice that a receiver did not get; see `loop deliveries --failed`", notice_id)
    return f"{count} deliveries are due; the schedule sends them within ten seconds"


def _require_any(count: int, ids: Sequence[int]) -> int:
    if not count:
        expected = "events of the project that are set aside; see `loop events`"
        raise PayloadError("ID", expected, ", ".join(map(str, ids)) or "none")
    return count
