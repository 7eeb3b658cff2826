"""Match all stored detections again: a dry run, the change by its token, and the undo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loop.errors import PayloadError, StalePlan
from loop.references.entries import CollectionKind
from loop.references.vector_store import VectorState
from loop.storage.queries import chunked
from loop.taxonomy.match import (
    AT_ONCE,
    Matcher,
    fetch_vectors,
    place_detections,
    place_references,
    require_matcher,
    show_matches,
)
from loop.taxonomy.reapply_plan import MatchChange, ReapplyPlan, apply_plan, keep_if_equal, plan_reapply
from loop.taxonomy.room import TaxonomyRoom
from loop.taxonomy.taxonomy import Taxonomy
from loop.taxonomy.voting import Match


@dataclass(frozen=True, slots=True)
class DryRun:
    """The plan of a re-application, over a number of *detections*."""

    taxonomy: Taxonomy
    plan: ReapplyPlan
    detections: int


def dry_run(taxonomies: TaxonomyRoom, project_id: int) -> DryRun:
    """Match every detection that has a vector by the taxonomy in force, and compare. Raises MilvusDown."""
    return _plan_changes(taxonomies, project_id, require_matcher(taxonomies, project_id))


def reapply(taxonomies: TaxonomyRoom, project_id: int, token: str) -> str:
    """
    Make the changes of the dry run that gave the *token*.

    A second run with the same token changes nothing. Raises StalePlan if something changed since the dry run.
    """
    matcher = require_matcher(taxonomies, project_id)
    preview = _plan_changes(taxonomies, project_id, matcher)
    last = taxonomies.matches.last(project_id, matcher.space)
    if not preview.plan.changes:
        if last is None or last.token != token:
            _check_token(preview.plan, token)
        return "nothing to change"
    _check_token(preview.plan, token)
    place_detections(taxonomies, project_id, matcher.space, _select_after(preview.plan.changes))
    taxonomies.matches.follow(project_id, matcher.space, preview.plan, matcher.taxonomy.version)
    place_references(matcher)
    shown = show_matches(taxonomies, project_id, matcher.taxonomy, matcher.space)
    return f"{len(preview.plan.changes)} matches changed; {shown}"


def undo(taxonomies: TaxonomyRoom, project_id: int, token: str | None = None) -> str:
    """
    Undo the last re-application, that with the *token* if it is given: restore every match.

    Raises PayloadError without one, StalePlan if a match was changed since, or the last one has another token.
    """
    matcher = require_matcher(taxonomies, project_id)
    last = taxonomies.matches.last(project_id, matcher.space)
    if last is None:
        raise PayloadError("undo", f"a re-application in project {project_id} that was not undone", None)
    if token not in (None, last.token):
        raise StalePlan(f"nothing is changed: the last change of matches is {last.token} by now, not {token}")
    current = taxonomies.matches.of_keys(project_id, matcher.space, [change.detection for change in last.undo.changes])
    apply_plan(current, last.undo)  # raises before Milvus is changed
    place_detections(taxonomies, project_id, matcher.space, _select_after(last.undo.changes))
    taxonomies.matches.undo(project_id, matcher.space, last)
    shown = show_matches(taxonomies, project_id, matcher.taxonomy, matcher.space)
    return f"{len(last.undo.changes)} matches are as before {last.token}; {shown}"


def _plan_changes(taxonomies: TaxonomyRoom, project_id: int, matcher: Matcher) -> DryRun:
    keys = sorted(
        taxonomies.references.vectors.keys(project_id, matcher.space, CollectionKind.DETECTIONS, VectorState.DONE)
    )
    before = taxonomies.matches.of_keys(project_id, matcher.space, keys)
    after: dict[str, Match] = {}
    for batch in chunked(keys, AT_ONCE):
        stored, vectors = fetch_vectors(taxonomies, project_id, matcher.space, batch)
        for key, match in zip(stored, matcher.match(vectors), strict=True):
            after[key] = keep_if_equal(before.get(key), match)
    before = {key: match for key, match in before.items() if key in after}  # without detections whose vector was lost
    return DryRun(matcher.taxonomy, plan_reapply(before, after), len(after))


def _select_after(changes: Sequence[MatchChange]) -> dict[str, Match | None]:
    return {change.detection: change.after for change in changes}


def _check_token(plan: ReapplyPlan, token: str) -> None:
    if plan.token != token:
        raise StalePlan(
            f"the token {token} belongs to other changes, {plan.token} to today's: plan again with --dry-run"
        )
