"""Commands that trace regions, annotators and versions, and the changes that people and trainings made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from loop import lineage as tracing
from loop.cli.grid import Field, show_table
from loop.cli.options import OneProject, ProjectId, open_rooms, out
from loop.errors import PayloadError
from loop.installation.watching.audit_lines import describe_entry
from loop.lineage import AnnotatorLineage, DrawnRegion, RegionLineage, ReviewUse, ShownRegion, VersionLineage
from loop.reviews.verdict_query import VerdictRecord
from loop.storage.audit import AuditEntry, AuditTrail
from loop.storage.storable import LARGEST_ID
from loop.taxonomy.recorded_matches import MatchTrace

app = typer.Typer()


@app.command()
def lineage(
    project: ProjectId,
    region: Annotated[str | None, typer.Option("--region", help="A region's id, as Label Studio shows it.")] = None,
    annotator: Annotated[
        int | None, typer.Option("--annotator", min=1, max=LARGEST_ID, help="Label Studio's user id.")
    ] = None,
    version: Annotated[str | None, typer.Option("--version", help="A version, such as 1.2.0.")] = None,
) -> RegionLineage | AnnotatorLineage | VersionLineage:
    """Trace a region to its predictions, reviews, verdicts and trainings; or trace an annotator or a version."""
    if sum(value is not None for value in (region, annotator, version)) != 1:
        raise PayloadError("lineage", "one of --region, --annotator, --version", "none or several")
    rooms = open_rooms()
    history: RegionLineage | AnnotatorLineage | VersionLineage
    if region is not None:
        history = tracing.of_region(rooms.trainings, rooms.taxonomies, project, region)
    elif annotator is not None:
        history = tracing.of_annotator(rooms.trainings, project, annotator)
    else:
        history = tracing.of_version(rooms.trainings, project, version or "")
    lines = _region_lines(history) if isinstance(history, RegionLineage) else _lines(asdict(history))
    for name, line in lines:
        out.print(f"{name:<14} {line}")
    return history


@app.command()
def audit(
    project: OneProject = None,
    since: Annotated[datetime | None, typer.Option("--since", help="Changes at this time or later; UTC.")] = None,
) -> Sequence[AuditEntry]:
    """
    Show who changed versions, taxonomies, label configs, policies, classes or tokens, when and why.

    Settings and thresholds from the environment are not in the records, and
    so not here. An empty name: the change is older than this list.
    """
    entries = AuditTrail(open_rooms(project).engine).read(project, since.replace(tzinfo=UTC) if since else None)
    if entries:
        fields = (
            Field("at"),
            Field("project", rank=3, is_number=True),
            Field("who"),
            Field("change"),
            Field("to", folds=True),
            Field("why", rank=1, folds=True),
        )
        show_table(out, fields, [_audit_row(entry) for entry in entries])
    else:
        out.print("no changes")
    return entries


def _audit_row(entry: AuditEntry) -> tuple[str, ...]:
    line = describe_entry(entry)
    return (f"{line.at:%Y-%m-%d %H:%M:%S}", str(line.project or ""), line.who, line.kind, line.change, line.why)


def _region_lines(history: RegionLineage) -> Iterator[tuple[str, str]]:
    yield from (("predicted", _describe_shown(shown)) for shown in history.shown)
    yield from (("reviewed", _describe_drawn(drawn)) for drawn in history.drawn)
    yield from (("verdict", _describe_verdict(verdict)) for verdict in history.verdicts)
    yield from (("learned", _describe_learned(learned)) for learned in history.learned)
    yield from (("matched", line) for match in history.matched for line in _describe_match(match))


def _describe_match(match: MatchTrace) -> Iterator[str]:
    answer = f"{match.node or 'unknown'} {match.score:.2f} in the taxonomy"
    answer = f"{match.label} {match.score:.2f} as its label" if match.label else answer
    yield f"{answer}, task {match.task}, by {match.embedder}"
    for voter in match.voters:
        where = "no longer a reference" if voter.task is None else f"task {voter.task} region {voter.region}"
        yield f"  {voter.similarity:.3f} {voter.label or ''} {where}"


def _describe_shown(shown: ShownRegion) -> str:
    status = "kept back under the threshold" if shown.is_candidate else "shown"
    if shown.region.double_of:
        verdict = f", {shown.decision.value} by the review" if shown.decision else ""
        status = f"kept back as a double of the surer {shown.region.double_of}{verdict}"
    status = "by a shadow, not shown" if shown.is_shadow else status
    confidence = "" if shown.region.score is None else f" {shown.region.score:.2f}"
    source = shown.region.source
    origin = f" by references, detected as {source.class_name} {source.confidence:.2f}," if source else ""
    prediction = f"{shown.region.label}{confidence}{origin} on task {shown.task} by {shown.version}, {status}"
    served = f"in the {shown.stream} (score {shown.task_score:.3f}), execution {shown.execution or 'not known'}"
    return f"{prediction}, {served}, {shown.served_at:%Y-%m-%d %H:%M:%S}"


def _describe_drawn(drawn: DrawnRegion) -> str:
    counts = "counts" if drawn.is_counted else "does not count"
    where = f"on task {drawn.task} in annotation {drawn.annotation} by annotator {drawn.annotator}"
    return f"{drawn.region.label} {where}, {counts}, {drawn.reviewed_at:%Y-%m-%d %H:%M:%S}"


def _describe_verdict(verdict: VerdictRecord) -> str:
    changes = [name for name, is_set in (("moved", verdict.is_moved), ("relabelled", verdict.is_relabelled)) if is_set]
    decision = verdict.decision.value + (f" ({' and '.join(changes)})" if changes else "")
    seconds = "" if verdict.lead_time is None else f" in {verdict.lead_time:.1f} s"
    reviewer = verdict.actor or f"annotator {verdict.annotator}"
    return f"{decision} on {verdict.version} by {reviewer}{seconds} ({verdict.source.value})"


def _describe_learned(learned: ReviewUse) -> str:
    version = f", {learned.version}" if learned.version else ""
    where = f"annotation {learned.annotation} on the {learned.side} side of {learned.snapshot[:16]}"
    return f"{where}: training {learned.training} {learned.state}{version}"


def _lines(history: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in history.items():
        shown = value
        if isinstance(value, dict):
            shown = ", ".join(f"{key}: {_flat(item)}" for key, item in value.items()) or "none"
        elif isinstance(value, list):
            shown = f"{len(value)}: {', '.join(str(item) for item in value[:20])}" if value else "none"
        yield name.replace("_", " "), str(shown)


def _flat(value: object) -> str:
    return ", ".join(f"{count} {name}" for name, count in value.items()) if isinstance(value, dict) else str(value)
