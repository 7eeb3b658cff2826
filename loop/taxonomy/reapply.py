"""Match everything stored anew: first what would change, then, by the token of that, the change; it can be undone."""

from __future__ import annotations

from dataclasses import dataclass

from loop.chunked import chunked
from loop.errors import PayloadError, StalePlan
from loop.parts import Parts
from loop.references.vector_store import State
from loop.taxonomy.match import AT_ONCE, Matcher, matcher_of, place_detections, place_references, show, vectors_of
from loop.taxonomy.matching import Match
from loop.taxonomy.reapply_plan import Plan, applied, plan_reapply, settled
from loop.taxonomy.taxonomy import Taxonomy
from loop.vision.embedding import Kind


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a re-application would do to how many *detections*."""

    taxonomy: Taxonomy
    plan: Plan
    detections: int


def dry_run(parts: Parts, project_id: int) -> DryRun:
    """Match every detection that has a vector by the taxonomy in force, and compare. Raises MilvusDown."""
    return _planned(parts, project_id, _matcher(parts, project_id))


def reapply(parts: Parts, project_id: int, token: str) -> str:
    """
    Do what a dry run said; the token says that it is that, and nothing else.

    Done again with the same token it changes nothing. Raises StalePlan where something has changed since the dry run.
    """
    matcher = _matcher(parts, project_id)
    found = _planned(parts, project_id, matcher)
    last = parts.matches.last(project_id, matcher.space)
    if not found.plan.changes:
        if last is None or last.token != token:
            _expect(found.plan, token)
        return "nothing to change"
    _expect(found.plan, token)
    place_detections(parts, project_id, matcher.space, {one.detection: one.after for one in found.plan.changes})
    parts.matches.follow(project_id, matcher.space, found.plan, matcher.taxonomy.version)
    place_references(matcher)
    return f"{len(found.plan.changes)} matches changed; {show(parts, project_id, matcher.taxonomy, matcher.space)}"


def undo(parts: Parts, project_id: int) -> str:
    """
    Take the last re-application back: every match is what it was. Raises PayloadError where there is none, StalePlan
    where a match was changed since.
    """
    matcher = _matcher(parts, project_id)
    last = parts.matches.last(project_id, matcher.space)
    if last is None:
        raise PayloadError("undo", f"a re-application in project {project_id} that was not taken back", None)
    standing = parts.matches.of_keys(project_id, matcher.space, [one.detection for one in last.undo.changes])
    applied(standing, last.undo)  # refused before Milvus is told
    place_detections(parts, project_id, matcher.space, {one.detection: one.after for one in last.undo.changes})
    parts.matches.undo(project_id, matcher.space, last)
    shown = show(parts, project_id, matcher.taxonomy, matcher.space)
    return f"{len(last.undo.changes)} matches are as before {last.token}; {shown}"


def _matcher(parts: Parts, project_id: int) -> Matcher:
    matcher = matcher_of(parts, project_id)
    if matcher is None:
        raise PayloadError("taxonomy", "one that was applied (loop taxonomy apply), and an embedder", None)
    return matcher


def _planned(parts: Parts, project_id: int, matcher: Matcher) -> DryRun:
    keys = sorted(parts.vectors.keys(project_id, matcher.space, Kind.DETECTIONS, State.DONE))
    before = parts.matches.of_keys(project_id, matcher.space, keys)
    after: dict[str, Match] = {}
    for some in chunked(keys, AT_ONCE):
        known, vectors = vectors_of(parts, project_id, matcher.space, some)
        for key, one in zip(known, matcher.match(vectors), strict=True):
            after[key] = settled(before.get(key), one)
    before = {key: one for key, one in before.items() if key in after}  # a vector that was lost is made again
    return DryRun(matcher.taxonomy, plan_reapply(before, after), len(after))


def _expect(plan: Plan, token: str) -> None:
    if plan.token != token:
        raise StalePlan(f"the token {token} is not of what would change now ({plan.token}): plan again with --dry-run")
