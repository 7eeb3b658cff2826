"""The doctor's checks of this installation: versions, records, Redis, workers, schedule, notices, disk, web part."""

from __future__ import annotations

import platform
import shutil
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

from loop.errors import UpstreamError
from loop.installation.findings import Finding, ok, warning, wrong
from loop.parts import Parts
from loop.storage import database

PACKAGES = ("label-studio-yolo-loop", "torch", "ultralytics-opencv-headless", "rq", "sqlalchemy")
TESTED_PYTHON = ((3, 11), (3, 13))
LITTLE, VERY_LITTLE = 5 * 2**30, 2**30  # bytes
WAITED = timedelta(minutes=10)  # until a job of the default queue is late
SWEPT = timedelta(minutes=2)
RECENT = timedelta(days=7)


def versions(_: Parts) -> list[Finding]:
    """Python and the packages that matter."""
    found = f"Python {platform.python_version()}, " + ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    low, high = TESTED_PYTHON
    if not low <= tuple(map(int, platform.python_version_tuple()[:2])) <= high:
        tested = " to ".join(".".join(map(str, one)) for one in TESTED_PYTHON)
        return [warning("versions", found, f"tested with Python {tested}")]
    missing = [name for name in PACKAGES if _version(name) == "missing"]
    if missing:
        return [wrong("versions", found, "install with: pip install --no-deps -r requirements.lock")]
    return [ok("versions", found)]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def records(parts: Parts) -> list[Finding]:
    """The revision and the integrity of the records."""
    here, newest = database.revisions(parts.engine)
    if here != newest:
        return [
            wrong(
                "records",
                f"revision {here or 'none'}, this code has {newest}",
                "run any other loop command: it migrates",
            )
        ]
    if damage := database.damage(parts.engine):
        advice = "stop everything, keep a copy of the file, and bring back a backup; then `loop rebuild` each project"
        return [wrong("records", f"revision {here}, damaged: {damage}", advice)]
    return [ok("records", f"{parts.engine.dialect.name}, revision {here}, no damage")]


def web(parts: Parts) -> list[Finding]:
    """Whether the web part answers at the address that Label Studio is given."""
    if parts.door.answers():
        return [ok("web", f"{parts.door.url} answers")]
    advice = "start it with `loop up`; if it runs, LOOP_URL is not where it is reached"
    return [wrong("web", f"{parts.door.url} does not answer from here", advice)]


def redis(parts: Parts) -> list[Finding]:
    """Redis, and workers on both queues."""
    try:
        workers, lengths = parts.queue.workers(), parts.queue.lengths()
    except UpstreamError as error:
        return [wrong("redis", str(error), "start `loop up`, or set LOOP_REDIS_URL")]
    return [ok("redis", "answers"), *(_workers(name, workers.get(name, 0), length) for name, length in lengths.items())]


def _workers(name: str, workers: int, waiting: int) -> Finding:
    found = f"{workers} listen, {waiting} jobs wait"
    if workers:
        return ok(f"workers {name}", found)
    return wrong(f"workers {name}", found, f"start `loop up`, or `loop worker {name}`")


def queue_age(parts: Parts) -> list[Finding]:
    """How long the oldest job waits; trainings may wait for another to end."""
    oldest = parts.queue.oldest()
    if oldest is None:
        return [ok("queue age", "no job waits")]
    age = datetime.now(UTC) - oldest
    found = f"the oldest job waits for {_span(age)}"
    if age > WAITED:
        return [warning("queue age", found, "more workers (LOOP_DEFAULT_WORKERS), or see their logs under LOOP_HOME")]
    return [ok("queue age", found)]


def schedule(parts: Parts) -> list[Finding]:
    """Whether the schedule is alive."""
    last = parts.queue.last_scheduled("loop.jobs.sweep")
    if last is None:
        return [wrong("schedule", "never asked for a sweep", "start `loop up`, or `loop schedule`")]
    age = datetime.now(UTC) - last
    found = f"last sweep {_span(age)} ago"
    return [wrong("schedule", found, "start `loop up`, or `loop schedule`") if age > SWEPT else ok("schedule", found)]


def disk(parts: Parts) -> list[Finding]:
    """Space under LOOP_HOME."""
    home = parts.runs.parent
    free = shutil.disk_usage(home).free
    found = f"{free / 2**30:.1f} GB free under {home}"
    advice = "make room: old runs, image cache and snapshots are the largest"
    if free < LITTLE:
        return [(wrong if free < VERY_LITTLE else warning)("disk", found, advice)]
    return [ok("disk", found)]


def notices(parts: Parts) -> list[Finding]:
    """Notices that a receiver did not get, of the last days."""
    since = datetime.now(UTC) - RECENT
    failed = [one for one in parts.outbox.last(is_failed=True) if one.notice.created_at > since]
    if not failed:
        return [ok("notices", "none failed")]
    newest = failed[0]
    found = f"{len(failed)} of the last {RECENT.days} days failed; the newest, {newest.notice.id}: {newest.error}"
    advice = (
        "`loop deliveries --failed` shows them; once the receiver is well, `loop deliveries retry ID` sends one again"
    )
    return [warning("notices", found, advice)]


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


HERE = (versions, records, web, redis, queue_age, schedule, notices, disk)
