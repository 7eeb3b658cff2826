"""Make one vector for every served detection and every reviewed box."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass

from loop.errors import MilvusDown, UpstreamError
from loop.job_queue.queue import DEFAULT
from loop.references.entries import CollectionKind
from loop.references.make import Work, compare, delete_gone, make_next, settle
from loop.references.plan import find_source, plan
from loop.references.room import ReferencesRoom

log = logging.getLogger(__name__)
SECONDS = (10.0, 120.0)  # least and most time that a job works before it gives way to others


@dataclass(frozen=True, slots=True)
class IndexRun:
    """A line on a run, and the fingerprints of the embedders whose collections it dropped."""

    line: str
    dropped: tuple[str, ...] = ()


def index(references: ReferencesRoom, project_id: int) -> IndexRun:
    """
    Make due vectors for a while; the next run makes the rest.

    A second run, or a run after a kill, ends in the same state: a vector counts only after Milvus acknowledged it, and
    a vector in Milvus is never made again. If Milvus is down, due vectors stay due.
    """
    return _run(references, project_id, is_patient=False)


def build(references: ReferencesRoom, project_id: int) -> IndexRun:
    """Compare every key with Milvus, then make all missing vectors, however long it takes."""
    return _run(references, project_id, is_patient=True)


def rebuild(references: ReferencesRoom, project_id: int) -> IndexRun:
    """Drop the collections of the embedder in use, and rebuild them from records and images."""
    source = find_source(references, project_id)
    if source:
        for kind in CollectionKind:
            if references.milvus.find(project_id, kind, source.space):
                references.milvus.drop(project_id, kind, source.space)
        references.vectors.forget(project_id, source.space.fingerprint)
    return _run(references, project_id, is_patient=True)


def _run(references: ReferencesRoom, project_id: int, *, is_patient: bool) -> IndexRun:
    source = find_source(references, project_id)
    if source is None:
        return IndexRun("nothing to embed with")
    plan(references, project_id, source.space)
    work = Work(references, project_id, source)
    try:
        progress = _make(work, is_patient=is_patient)
    except MilvusDown as error:
        progress = str(error)
    broken = f", {work.broken} without an image" if work.broken else ""
    return IndexRun(f"embedder {source.space.name}, {work.made} vectors made{broken}; {progress}", tuple(work.dropped))


def _make(work: Work, *, is_patient: bool) -> str:
    start = time.monotonic()
    if is_patient:
        for kind in CollectionKind:
            compare(work, kind)
    delete_gone(work)
    while make_next(work):
        log.info("project %d: %d vectors made", work.project_id, work.made)
        if not is_patient and _is_enough(work.references, time.monotonic() - start):
            return "more is due"
    return settle(work)


def _is_enough(references: ReferencesRoom, seconds: float) -> bool:
    """Return whether a job worked long enough: for its limit, or while other jobs wait for its worker."""
    if seconds < SECONDS[0]:
        return False
    with suppress(UpstreamError):
        return seconds > SECONDS[1] or references.queue.lengths()[DEFAULT] > 0
    return False
