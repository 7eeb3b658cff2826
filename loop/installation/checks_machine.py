"""Checks of this installation: versions, records, web, access, Redis, workers, schedule, notices, disk."""

from __future__ import annotations

import platform
import shutil
from datetime import UTC, datetime, timedelta

import httpx

from loop.access.room import AccessRoom
from loop.errors import UpstreamError
from loop.http_addresses import is_loopback
from loop.installation.findings import Finding, ok, under_way, warning, wrong
from loop.installation.machine import MISSING, PACKAGES, find_version
from loop.installation.room import InstallationRoom
from loop.installation.upkeep import part_states
from loop.job_queue.job_list import JobState
from loop.printable import count_of
from loop.secrecy import redact
from loop.storage import database

TESTED_PYTHON = ((3, 11), (3, 13))
LITTLE, VERY_LITTLE = 5 * 2**30, 2**30  # bytes
WAITED = timedelta(minutes=10)  # wait after which a job of the default queue is late
SWEPT = timedelta(minutes=2)
RECENT = timedelta(days=7)
SHORT = 12  # characters of a secret that can be guessed
RESTARTED = timedelta(hours=1)
WAIT = "wait some seconds, and run `loop doctor` again"


def is_starting(installation: InstallationRoom, part: str) -> bool:
    """Whether `loop up` has started a part, or several whose names begin so, and it does not work yet."""
    return any(name.startswith(part) for name in part_states.find_starting(installation.machine.home))


def versions(_: InstallationRoom) -> list[Finding]:
    """Check the versions of Python and of the main packages."""
    summary = f"Python {platform.python_version()}, " + ", ".join(f"{name} {find_version(name)}" for name in PACKAGES)
    low, high = TESTED_PYTHON
    if not low <= tuple(map(int, platform.python_version_tuple()[:2])) <= high:
        tested = " to ".join(".".join(map(str, numbers)) for numbers in TESTED_PYTHON)
        return [warning("versions", summary, f"tested with Python {tested}")]
    if MISSING in map(find_version, PACKAGES):
        return [wrong("versions", summary, "install with: pip install --no-deps -r requirements.lock")]
    return [ok("versions", summary)]


def machine(installation: InstallationRoom) -> list[Finding]:
    """Check that this machine has the files, keys, services and code of the installation."""
    problems = installation.machine.problems()
    advice = "see docs/scale.md: a worker or a web part refuses to start here"
    return [wrong("machine", problem, advice) for problem in problems] or [ok("machine", "has all that it needs")]


def records(installation: InstallationRoom) -> list[Finding]:
    """Check the revision and the integrity of the records."""
    current = database.revision(installation.engine)
    if current != database.NEWEST:
        return [
            wrong(
                "records",
                f"revision {current or 'none'}, this code has {database.NEWEST}",
                "start `loop up` or `loop schedule`: it migrates them",
            )
        ]
    apart = installation.reviews.events.engine  # the same one, unless the records are in SQLite
    if damage := database.find_damage(installation.engine) or database.find_damage(apart):
        advice = "stop all services, copy the file, restore a backup, then run `loop rebuild` for each project"
        return [wrong("records", f"revision {current}, damaged: {damage}", advice)]
    return [ok("records", f"{installation.engine.dialect.name}, revision {current}, no damage")]


def spool(installation: InstallationRoom) -> list[Finding]:
    """Check for events that wait for the records, and for events that can never be recorded."""
    spooled = installation.reviews.events.spool
    if count := spooled.count():
        advice = "see the finding on the records; the events are recorded as soon as the records answer"
        return [warning("spool", f"{count} events wait for the records", advice)]
    if count := spooled.count_set_aside():
        advice = (
            "see the log for the reason; the sync finds the same reviews; then remove these files in LOOP_HOME/spool"
        )
        return [warning("spool", f"{count} events can never be recorded", advice)]
    return [ok("spool", "no event waits for the records")]


def web(installation: InstallationRoom) -> list[Finding]:
    """Check that the backend answers at the URL that Label Studio is given."""
    if installation.studio.backend.answers():
        return [ok("web", f"{installation.studio.backend.url} answers")]
    if is_starting(installation, "web"):
        return [under_way("web", f"{installation.studio.backend.url} does not answer yet: it is starting", WAIT)]
    advice = "start it with `loop up`; if it runs, set LOOP_URL to the URL at which it is reached"
    return [wrong("web", f"{installation.studio.backend.url} does not answer from here", advice)]


def access(installation: InstallationRoom) -> list[Finding]:
    """Check that the backend refuses a request without a credential."""
    own, tokens = installation.access.logins.own, installation.access.tokens.all()
    login = f"the user {own.user} of BASIC_AUTH_USER" if own else "a login for each project"
    where = "this machine alone" if is_loopback(installation.access.listens_on) else installation.access.listens_on
    summary = f"listens on {where}; open to {login} and {len(tokens)} tokens"
    url = installation.studio.backend.url
    try:
        status = installation.studio.backend.answer_to_strangers()
    except httpx.HTTPError:
        return [
            *_weak(installation.access),
            ok("access", f"{summary}; not checked, because the web part does not answer"),
        ]
    if status == httpx.codes.UNAUTHORIZED:
        return [*_weak(installation.access), ok("access", summary)]
    if status == httpx.codes.MISDIRECTED_REQUEST:
        advice = "start the web part with this LOOP_URL; a proxy must pass on the Host header"
        return [wrong("access", f"{url} is not a name that the backend there knows: it refuses every request", advice)]
    if httpx.codes.is_success(status):
        advice = "stop what listens there and start `loop up` again; a proxy must pass on the Authorization header"
        return [wrong("access", f"{url} answers without a credential", advice)]
    advice = "see the log of the web part, and the log of the proxy in front of it"
    return [warning("access", f"{url} answers {status} where 401 is expected", advice)]


def _weak(access: AccessRoom) -> list[Finding]:
    """Return a finding for each secret of the settings that can be guessed."""
    own, key = access.logins.own, access.logins.secrets.given
    short = {
        "LOOP_WEBHOOK_SECRET": 0 < len(key) < SHORT,
        "BASIC_AUTH_PASS": own is not None and len(own.password) < SHORT and not is_loopback(access.listens_on),
    }
    advice = "set it to 32 random characters; the next sync gives Label Studio what follows from it"
    return [warning("access", f"{name} is shorter than {SHORT} characters", advice) for name in short if short[name]]


def redis(installation: InstallationRoom) -> list[Finding]:
    """Check Redis, and the workers of both queues."""
    try:
        workers, lengths = installation.queue.workers(), installation.queue.lengths()
    except UpstreamError as error:
        return [wrong("redis", str(error), "start `loop up`, or set LOOP_REDIS_URL")]
    found = [
        _workers(name, workers.get(name, 0), length, is_starting=is_starting(installation, f"worker-{name}"))
        for name, length in lengths.items()
    ]
    return [ok("redis", "answers"), *found]


def _workers(name: str, workers: int, waiting: int, *, is_starting: bool) -> Finding:
    summary = f"{count_of(workers, 'worker')} listening, {count_of(waiting, 'job')} waiting"
    if workers:
        return ok(f"workers {name}", summary)
    if is_starting:
        return under_way(f"workers {name}", f"{summary}: they are starting", WAIT)
    return wrong(f"workers {name}", summary, f"start `loop up`, or `loop worker {name}`")


def queue_age(installation: InstallationRoom) -> list[Finding]:
    """Check the age of the oldest waiting job. Trainings do not count: they may wait for one another."""
    oldest = installation.queue.oldest()
    if oldest is None:
        return [ok("queue age", "no job waits")]
    age = datetime.now(UTC) - oldest
    summary = f"the oldest job waits for {_span(age)}"
    if age > WAITED:
        advice = "start more workers (LOOP_DEFAULT_WORKERS), or read their logs under LOOP_HOME"
        return [warning("queue age", summary, advice)]
    return [ok("queue age", summary)]


def failed_jobs(installation: InstallationRoom) -> list[Finding]:
    """Check for jobs whose last run failed; one that is asked for again and ends well is none of them."""
    failed = [job for job in installation.queue.jobs() if job.state is JobState.FAILED]
    if not failed:
        return [ok("failed jobs", "none in the last day")]
    newest, advice = failed[0], "`loop jobs show ID` has the trace; most jobs are asked for again by themselves"
    error = redact(newest.error).strip().splitlines()[-1:] or ["no trace"]
    return [warning("failed jobs", f"{', '.join(job.id for job in failed)}; {newest.id}: {error[0][:300]}", advice)]


def schedule(installation: InstallationRoom) -> list[Finding]:
    """Check that the schedule runs."""
    last = installation.queue.last_scheduled("loop.jobs.sweep")
    if is_starting(installation, "schedule") and (last is None or datetime.now(UTC) - last > SWEPT):
        return [under_way("schedule", "is starting", WAIT)]
    if last is None:
        return [wrong("schedule", "never asked for a sweep", "start `loop up`, or `loop schedule`")]
    age = datetime.now(UTC) - last
    summary = f"last sweep {_span(age)} ago"
    if age > SWEPT:
        return [wrong("schedule", summary, "start `loop up`, or `loop schedule`")]
    return [ok("schedule", summary)]


def parts(installation: InstallationRoom) -> list[Finding]:
    """Check what `loop up` says of the parts that it runs."""
    home = installation.machine.home
    states = part_states.read(home)
    advice = f"`loop up` starts it again by itself; its log is in {home / 'logs'}"
    failing = [wrong(f"part {name}", str(state), advice) for name, state in states.items() if state.is_failing]
    starting = [under_way(f"part {name}", str(state), WAIT) for name, state in states.items() if state.is_starting]
    restarted = [
        warning(f"part {name}", str(state), advice)
        for name, state in states.items()
        if not (state.is_failing or state.is_starting) and state.is_recent(RESTARTED)
    ]
    summary = f"{len(states)} run under `loop up`, none was started again lately"
    return [*failing, *starting, *restarted] or [ok("parts", summary)]


def disk(installation: InstallationRoom) -> list[Finding]:
    """Check the free space under LOOP_HOME."""
    home = installation.machine.home
    free = shutil.disk_usage(home).free
    summary = f"{free / 2**30:.1f} GB free under {home}"
    advice = "delete old runs, cached images or snapshots: they are the largest"
    if free < LITTLE:
        return [(wrong if free < VERY_LITTLE else warning)("disk", summary, advice)]
    return [ok("disk", summary)]


def notices(installation: InstallationRoom) -> list[Finding]:
    """Check for recent notices that a receiver did not get."""
    since = datetime.now(UTC) - RECENT
    failed = [delivery for delivery in installation.outbox.last(is_failed=True) if delivery.notice.created_at > since]
    if not failed:
        return [ok("notices", "none failed")]
    newest = failed[0]
    summary = f"{len(failed)} of the last {RECENT.days} days failed; the newest, {newest.notice.id}: {newest.error}"
    advice = "`loop deliveries --failed` shows them; `loop deliveries retry ID` sends one again when the receiver works"
    return [warning("notices", summary, advice)]


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


HERE = (versions, records, machine, spool, web, access, redis, queue_age, failed_jobs, schedule, parts, notices, disk)
