"""Checks of one connected project in Label Studio."""

from __future__ import annotations

from loop.errors import ImageError, ImageForbidden, LabelConfigError, PayloadError
from loop.http_addresses import is_same
from loop.installation.checks_machine import WAIT, is_starting
from loop.installation.connect import SAMPLING
from loop.installation.findings import Finding, is_private, ok, under_way, warning, wrong
from loop.installation.outlook.checks_predictions import predicted
from loop.installation.room import InstallationRoom
from loop.label_studio.connection import GUARDS
from loop.label_studio.label_config import parse
from loop.label_studio.payloads import Task
from loop.label_studio.projects import Project
from loop.label_studio.states import DISCONNECTED, FAILED, BackendState, ProjectState, StorageState, WebhookState
from loop.label_studio.webhook import ACTIONS, SECRET_HEADER
from loop.registry.follow import follows
from loop.registry.store import Version
from loop.reviews.way_in import BACKEND_TITLE, is_ours
from loop.serving.refresh import is_due

CLOUD_BROKEN = ("failed", "completed_with_errors")
LOOKED_AT = 3  # images


def backend(installation: InstallationRoom, project: Project) -> list[Finding]:
    """Check that Label Studio reaches the backend: it calls /health and /setup to list its backends."""
    connect = f"run `loop connect --project {project.id}`"
    backends = installation.studio.client.backends(project.id)
    ours = [known for known in backends if is_same(known.url, installation.studio.backend.url)]
    others = [known.url for known in backends if known not in ours and known.title == BACKEND_TITLE]
    if not ours:
        summary = f"no ML backend {installation.studio.backend.url}" + (
            f"; there is one of ours at {', '.join(others)}" if others else ""
        )
        advice = f"{connect}; if LOOP_URL changed, remove the old one" if others else connect
        return [wrong("backend", summary, f"{advice}. {_guards(installation)}".strip())]
    return [_backend(installation, ours[0], project.id)]


def _backend(installation: InstallationRoom, known: BackendState, project_id: int) -> Finding:
    summary = f"Label Studio calls {installation.studio.backend.url}: {known.state}"
    if known.state == DISCONNECTED:
        if is_starting(installation, "web"):
            return under_way("backend", f"{summary}: the web part is starting", WAIT)
        if not installation.studio.backend.answers():
            advice = "start `loop up`, or set LOOP_URL to the URL at which it is reached"
            return wrong("backend", f"{summary}; it does not answer from here either", advice)
        advice = _guards(installation) or "allow connections from Label Studio's machine to that address"
        return wrong("backend", f"{summary}; it answers from here", advice)
    if known.state == FAILED:
        advice = (
            f"if it says 401, run `loop connect --project {project_id}`, which repairs the login; "
            "otherwise read the log of the backend"
        )
        return wrong("backend", f"{summary}: {known.error[:200]}", advice)
    return ok("backend", summary)


def _guards(installation: InstallationRoom) -> str:
    return (
        f"{installation.studio.backend.url} is a private address: {GUARDS}"
        if is_private(installation.studio.backend.url)
        else ""
    )


def webhook(installation: InstallationRoom, project: Project) -> list[Finding]:
    """Check that our webhook exists and is active, with our secret and all actions, and that no other doubles it."""
    url, repair = (
        f"{installation.studio.backend.url}/webhook",
        f"run `loop sync --project {project.id}`: it repairs the webhook",
    )
    hooks = installation.studio.client.webhooks(project.id)
    ours = [hook for hook in hooks if is_same(hook.url, url) and is_ours(hook)]
    automatic = [hook for hook in hooks if is_same(hook.url, url) and not is_ours(hook)]
    moved = [hook.url for hook in hooks if not is_same(hook.url, url) and is_ours(hook)]
    findings = [_hook(ours[0], installation.studio.backend.secret_of(project.id), repair)] if ours else []
    if not ours:
        elsewhere = f"; ours points to {', '.join(moved)}" if moved else ""
        findings.append(
            wrong("webhook", f"no webhook to {url}{elsewhere}", f"{repair}. {_guards(installation)}".strip())
        )
    if automatic:
        problem = f"{len(automatic)} that Label Studio added by itself for the backend; the backend refuses its events"
        findings.append(warning("webhook", problem, repair))
    return findings


def _hook(hook: WebhookState, secret: str, repair: str) -> Finding:
    missing = [action for action in ACTIONS if action not in hook.actions]
    faults = {
        "switched off": not hook.is_active,
        "its secret is not ours": hook.headers.get(SECRET_HEADER) != secret,
        "it sends no payload": not hook.sends_payload,
        f"it does not send {', '.join(missing)}": bool(missing) and not hook.sends_all,
    }
    problems = [text for text, is_present in faults.items() if is_present]
    if problems:
        return wrong("webhook", f"{hook.url}: {'; '.join(problems)}", repair)
    return ok("webhook", f"{hook.url}: active, with our secret, {len(ACTIONS)} actions")


def storages(installation: InstallationRoom, project: Project) -> list[Finding]:
    """Check the storages that tasks come from, and their last sync."""
    storages = installation.studio.client.storages(project.id)
    findings = [_storage(storage) for storage in storages]
    if any(storage.is_local for storage in storages):
        findings.append(_local_files(installation))
    return findings or [ok("storage", "none: the tasks hold their images' addresses or uploads")]


def _storage(storage: StorageState) -> Finding:
    synced_at = storage.synced_at or "never"
    summary = f"{storage.kind} “{storage.title}”: {storage.status}, last sync {synced_at}"
    if storage.status in CLOUD_BROKEN:
        return wrong(
            "storage", summary, "open the project's Cloud Storage settings: the card of the storage shows the reason"
        )
    if not storage.synced_at:
        return warning("storage", summary, "press Sync Storage if some of its tasks are missing")
    return ok("storage", f"{summary}, {storage.synced_tasks} tasks")


def _local_files(installation: InstallationRoom) -> Finding:
    """Check that Label Studio serves the files of its machine."""
    if installation.studio.client.serves_local_files():
        return ok("local files", "Label Studio serves them")
    advice = (
        "set LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT "
        "in Label Studio's environment"
    )
    return wrong("local files", "Label Studio does not serve them", advice)


def images(installation: InstallationRoom, project: Project) -> list[Finding]:
    """Check that the images of a few tasks can be read."""
    tasks, findings = [], []
    for stored in installation.studio.client.first_tasks(project.id, LOOKED_AT):
        try:
            tasks.append(stored.read(project.config().image_key))
        except PayloadError as error:
            advice = "the label config must name the field of the task data with the address of the image"
            findings.append(wrong("images", str(error), advice))
    results = zip(tasks, installation.vision.images.map(lambda _, image: image.shape, tasks), strict=True)
    findings += [_broken(task, error) for task, error in results if isinstance(error, ImageError)]
    summary = f"{len(tasks)} of {len(tasks)} checked can be read" if tasks else "no task yet"
    return findings or [ok("images", summary)]


def _broken(task: Task, error: ImageError) -> Finding:
    if isinstance(error, ImageForbidden):
        advice = "set LOOP_ALLOW_PRIVATE_ADDRESSES=true if that address is intended; other addresses are never read"
    elif error.status in (401, 403):
        advice = "give the user of the API key access to the project, or check that the storage serves files"
    else:
        advice = (
            "open that address in a browser on this machine; the limits are LOOP_IMAGE_SECONDS and LOOP_IMAGE_BYTES"
        )
    return wrong("images", f"task {task.id}: {error}", advice)


def order(installation: InstallationRoom, project: Project) -> list[Finding]:
    """Check that the label stream serves uncertain tasks first: with one wrong field its order is random."""
    connect = f"run `loop connect --project {project.id}`"
    settings, champion = (
        installation.studio.client.project(project.id),
        installation.registry.versions.champion(project.id),
    )
    is_refreshing = is_due(installation.serving, project)
    findings = _version_followed(settings, champion, connect, is_refreshing=is_refreshing)
    if settings.sampling != SAMPLING:
        problem = f"sampling is “{settings.sampling}”: the queue does not follow the scores"
        findings.append(wrong("order", problem, f"{connect}: it sets {SAMPLING}"))
    if not settings.shows_predictions:
        findings.append(wrong("order", "annotators do not see predictions", connect))
    if settings.label_config != project.label_config:
        findings.append(_changed_config(settings.label_config, f"`loop sync --project {project.id}` reads it"))
    return findings or [ok("order", f"{SAMPLING}, model_version {settings.version}")]


def _changed_config(label_config: str, advice: str) -> Finding:
    """Report a label config that differs from the recorded one: not read yet, or not supported."""
    try:
        parse(label_config)
    except LabelConfigError as error:
        problem = f"the label config in Label Studio is not supported; the previous one stays in force: {error}"
        return wrong("label config", problem, "change it in the project's settings")
    return warning("label config", "changed in Label Studio and not read yet", advice)


def _version_followed(
    settings: ProjectState, champion: Version | None, connect: str, *, is_refreshing: bool
) -> list[Finding]:
    """Check that the project's model_version is the exact name of the champion, or that of imported predictions."""
    if champion is None:
        advice = f"{connect}, which tries LOOP_BASE_WEIGHTS again"
        return [warning("order", "no version serves yet: the order of the queue is random", advice)]
    if follows(settings.version, champion):
        return []
    problem = f"model_version is “{settings.version}”, {champion.name} serves"
    if not settings.has_tasks:
        return [under_way("order", f"{problem}; no task yet", "it is set once a prediction is stored")]
    if is_refreshing:
        return [under_way("order", problem, "wait: it is set once the first predictions are stored")]
    return [
        wrong(
            "order", f"{problem}: the order of the queue is random", f"{connect}; it is set once a prediction is stored"
        )
    ]


PROJECT = (backend, webhook, storages, images, order, predicted)
