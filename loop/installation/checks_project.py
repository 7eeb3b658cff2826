"""The doctor's checks of one connected project, by what Label Studio says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loop.errors import ImageError, ImageForbidden, LabelConfigError, PayloadError, UpstreamError
from loop.installation.connect import BACKEND_TITLE, SAMPLING
from loop.installation.findings import Finding, is_private, ok, warning, wrong
from loop.label_studio.events import ACTIONS, PROJECT_HEADER, SECRET_HEADER
from loop.label_studio.label_config import parse
from loop.label_studio.payloads import Task, read_task
from loop.label_studio.projects import Project
from loop.parts import Parts

GUARDS = "set ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false in Label Studio's environment"
CLOUD_BROKEN = ("failed", "completed_with_errors")
LOOKED_AT = 3  # images


def backend(parts: Parts, project: Project) -> list[Finding]:
    """Whether Label Studio reaches us: it calls our /health and /setup to list its backends."""
    connect = f"run `loop connect --project {project.id}`"
    known = parts.label_studio.backends(project.id)
    ours = [one for one in known if str(one.get("url", "")).rstrip("/") == parts.door.url]
    others = [str(one.get("url")) for one in known if one not in ours and one.get("title") == BACKEND_TITLE]
    if not ours:
        found = f"no ML backend {parts.door.url}" + (f"; there is one of ours at {', '.join(others)}" if others else "")
        advice = f"{connect}; if LOOP_URL changed, remove the old one" if others else connect
        return [wrong("backend", found, f"{advice}. {_guards(parts)}".strip())]
    return [_backend(parts, ours[0], project.id)]


def _backend(parts: Parts, one: Mapping[str, Any], project_id: int) -> Finding:
    state = {"CO": "connected", "DI": "disconnected", "ER": "error"}.get(str(one.get("state")), str(one.get("state")))
    found = f"Label Studio calls {parts.door.url}: {state}"
    if one.get("state") == "DI":
        here = "it answers from here" if parts.door.answers() else "it does not answer from here either"
        advice = _guards(parts) or "open the way from Label Studio's machine to that address"
        advice = advice if "either" not in here else "start `loop up`, or set LOOP_URL to where it is reached"
        return wrong("backend", f"{found}; {here}", advice)
    if one.get("state") == "ER":
        advice = (
            "if it says 401, basic auth differs: remove the backend in Label Studio and run "
            f"`loop connect --project {project_id}`; else see the log of the web part"
        )
        return wrong("backend", f"{found}: {str(one.get('error_message'))[:200]}", advice)
    return ok("backend", found)


def _guards(parts: Parts) -> str:
    return f"{parts.door.url} is a private address: {GUARDS}" if is_private(parts.door.url) else ""


def webhook(parts: Parts, project: Project) -> list[Finding]:
    """Whether events come: our hook is there, active, with our secret and all actions; no other doubles it."""
    url, repair = f"{parts.door.url}/webhook", f"run `loop sync --project {project.id}`: it repairs the webhook"
    hooks = parts.label_studio.webhooks(project.id)
    ours = [hook for hook in hooks if hook["url"] == url and PROJECT_HEADER in (hook.get("headers") or {})]
    automatic = [hook for hook in hooks if hook["url"] == url and hook not in ours]
    moved = [hook["url"] for hook in hooks if hook["url"] != url and PROJECT_HEADER in (hook.get("headers") or {})]
    found = [_hook(ours[0], parts.door.secret_of(project.id), repair)] if ours else []
    if not ours:
        there = f"; ours points to {', '.join(moved)}" if moved else ""
        found.append(wrong("webhook", f"no webhook to {url}{there}", f"{repair}. {_guards(parts)}".strip()))
    if automatic:
        told = f"{len(automatic)} that Label Studio added by itself for the backend; we refuse what it sends"
        found.append(warning("webhook", told, repair))
    return found


def _hook(hook: Mapping[str, Any], secret: str, repair: str) -> Finding:
    missing = [action for action in ACTIONS if action not in (hook.get("actions") or [])]
    faults = {
        "switched off": not hook.get("is_active"),
        "its secret is not ours": (hook.get("headers") or {}).get(SECRET_HEADER) != secret,
        "it sends no payload": not hook.get("send_payload"),
        f"it does not send {', '.join(missing)}": bool(missing) and not hook.get("send_for_all_actions"),
    }
    wrongs = [text for text, is_so in faults.items() if is_so]
    if wrongs:
        return wrong("webhook", f"{hook['url']}: {'; '.join(wrongs)}", repair)
    return ok("webhook", f"{hook['url']}: active, with our secret, {len(ACTIONS)} actions")


def storages(parts: Parts, project: Project) -> list[Finding]:
    """The storages that tasks come from, with the state of the last sync."""
    known = parts.label_studio.get("api/storages/", project=project.id)
    found = [_storage(one) for one in known]
    if any(one.get("type") == "localfiles" for one in known):
        found.append(_local_files(parts))
    return found or [ok("storage", "none: the tasks hold their images' addresses or uploads")]


def _storage(one: Mapping[str, Any]) -> Finding:
    status, last = str(one.get("status")), one.get("last_sync")
    told = f"{one.get('type')} “{one.get('title') or one.get('id')}”: {status}, last sync {last or 'never'}"
    if status in CLOUD_BROKEN:
        return wrong("storage", told, "see the project's Cloud Storage settings: the storage's own card says why")
    if not last:
        return warning("storage", told, "press Sync Storage, if its tasks are not all there yet")
    return ok("storage", f"{told}, {one.get('last_sync_count')} tasks")


def _local_files(parts: Parts) -> Finding:
    """Label Studio answers 404 for a file that is not there, and 403 with a reason where it serves none."""
    try:
        parts.label_studio.get("data/local-files/", d="loop-doctor/none")
    except UpstreamError as error:
        if "LOCAL_FILES_SERVING_ENABLED" in str(error):
            advice = (
                "set LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT "
                "in Label Studio's environment"
            )
            return wrong("local files", "Label Studio does not serve them", advice)
    return ok("local files", "Label Studio serves them")


def images(parts: Parts, project: Project) -> list[Finding]:
    """Whether images of a few tasks can be read by us."""
    page = parts.label_studio.get("api/tasks/", project=project.id, page_size=LOOKED_AT, fields="task_only")
    tasks, found = [], []
    for json in page["tasks"]:
        try:
            tasks.append(read_task(json, project.config().image_key))
        except PayloadError as error:
            advice = "the label config names the field of the task data that has the image's address"
            found.append(wrong("images", str(error), advice))
    loaded = zip(tasks, parts.images.load(tasks), strict=True)
    found += [_broken(task, error) for task, error in loaded if isinstance(error, ImageError)]
    told = f"{len(tasks)} of {len(tasks)} looked at can be read" if tasks else "no task yet"
    return found or [ok("images", told)]


def _broken(task: Task, error: ImageError) -> Finding:
    if isinstance(error, ImageForbidden):
        advice = "LOOP_ALLOW_PRIVATE_ADDRESSES=true, if that address is meant; other addresses are not read at all"
    elif "HTTP 401" in str(error) or "HTTP 403" in str(error):
        advice = "the key's user needs access to the project, or the storage serves no files"
    else:
        advice = "open that address in a browser on this machine; LOOP_IMAGE_SECONDS, LOOP_IMAGE_BYTES are the limits"
    return wrong("images", f"task {task.id}: {error}", advice)


def order(parts: Parts, project: Project) -> list[Finding]:
    """Whether the label stream serves the least certain first: one wrong field, and it is silently at random."""
    connect = f"run `loop connect --project {project.id}`"
    there, champion = parts.label_studio.project(project.id), parts.registry.champion(project.id)
    found = _version_followed(there, champion.name if champion else None, connect)
    if there.get("sampling") != SAMPLING:
        told = f"sampling is “{there.get('sampling')}”: the queue does not follow the scores"
        found.append(wrong("order", told, f"{connect}: it sets {SAMPLING}"))
    if not there.get("show_collab_predictions"):
        found.append(wrong("order", "annotators do not see predictions", connect))
    if there.get("label_config") != project.label_config:
        found.append(_changed_config(there.get("label_config"), f"`loop sync --project {project.id}` takes it over"))
    return found or [ok("order", f"{SAMPLING}, model_version {champion.name if champion else ''}")]


def _changed_config(label_config: object, advice: str) -> Finding:
    """A label config of Label Studio that is not the one we have: not heard of yet, or refused."""
    try:
        parse(str(label_config))
    except LabelConfigError as error:
        told = f"the one in Label Studio cannot be worked with, so the one before is in force: {error}"
        return wrong("label config", told, "change it in the project's settings")
    return warning("label config", "changed in Label Studio since we heard of it", advice)


def _version_followed(there: Mapping[str, Any], champion: str | None, connect: str) -> list[Finding]:
    """Whether the project's model_version is the champion's exact name."""
    if champion is None:
        advice = "set LOOP_BASE_WEIGHTS, or review tasks until the first training"
        return [warning("order", "no version serves yet: the queue is at random", advice)]
    if there.get("model_version") == champion:
        return []
    told = f"model_version is “{there.get('model_version')}”, {champion} serves"
    if not there.get("task_number", 1):
        return [warning("order", f"{told}; there is no task yet", "it is set once a prediction is stored")]
    return [
        wrong("order", f"{told}: the queue is at random, silently", f"{connect}; it is set once a prediction is stored")
    ]


def predicted(parts: Parts, project: Project) -> list[Finding]:
    """How many of the open tasks have a prediction of the champion."""
    champion = parts.registry.champion(project.id)
    total = parts.label_studio.count_open(project.id)
    if champion is None or not total:
        return [ok("predictions", f"{total} open tasks")]
    done = min(total, parts.label_studio.count_open(project.id, champion.name))
    found = f"{done} of {total} open tasks ({done / total:.0%}) have one of {champion.name}"
    if done == total:
        return [ok("predictions", found)]
    advice = "the refresh job predicts them: see `loop status`; images that cannot be read stay without"
    return [warning("predictions", found, advice)]


PROJECT = (backend, webhook, storages, images, order, predicted)
