"""Give every detection served and every box reviewed its vector, once."""

from __future__ import annotations

import logging
import time
from contextlib import suppress

from loop.errors import MilvusDown, UpstreamError
from loop.parts import Parts
from loop.queue import DEFAULT
from loop.references.make import Work, compare, delete_gone, make_some, settle
from loop.references.plan import plan, source_of
from loop.vision.embedding import Kind

log = logging.getLogger(__name__)
SECONDS = (10.0, 120.0)  # that a job works at least before it gives way to others, and at most


def index(parts: Parts, project_id: int) -> str:
    """
    Make what is due, for a while; what is left is made by the next run.

    Doing so twice, or being killed at any point, ends in the same state: a vector counts only when Milvus has
    acknowledged it, and one that Milvus has is never made again. Milvus down: what is due stays due.
    """
    return _run(parts, project_id, is_patient=False)


def build(parts: Parts, project_id: int) -> str:
    """Make all that is missing, however long it takes, after comparing every key with what Milvus has."""
    return _run(parts, project_id, is_patient=True)


def rebuild(parts: Parts, project_id: int) -> str:
    """Drop the collections of the embedder in use, and make them anew from records and images."""
    source = source_of(parts, project_id)
    if source:
        for kind in Kind:
            if parts.references.find(project_id, kind, source.space):
                parts.references.drop(project_id, kind, source.space)
        parts.vectors.forget(project_id, source.space.fingerprint)
    return _run(parts, project_id, is_patient=True)


def _run(parts: Parts, project_id: int, *, is_patient: bool) -> str:
    source = source_of(parts, project_id)
    if source is None:
        return "nothing to embed with"
    plan(parts, project_id, source.space)
    work = Work(parts, project_id, source)
    try:
        said = _made(work, is_patient=is_patient)
    except MilvusDown as error:
        said = str(error)
    broken = f", {work.broken} without an image" if work.broken else ""
    return f"{source.space.name}: {work.made} vectors made{broken}; {said}"


def _made(work: Work, *, is_patient: bool) -> str:
    began = time.monotonic()
    if is_patient:
        for kind in Kind:
            compare(work, kind)
    delete_gone(work)
    while make_some(work):
        log.info("project %d: %d vectors made", work.project_id, work.made)
        if not is_patient and _is_enough(work.parts, time.monotonic() - began):
            return "more is due"
    return settle(work)


def _is_enough(parts: Parts, seconds: float) -> bool:
    """Whether a job has worked for long enough: others wait for its worker, or it is simply time."""
    if seconds < SECONDS[0]:
        return False
    with suppress(UpstreamError):
        return seconds > SECONDS[1] or parts.queue.lengths()[DEFAULT] > 0
    return False
