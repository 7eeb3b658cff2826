"""The command that traces regions, annotators and versions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Annotated

import typer
from pydantic_core import to_jsonable_python

from loop import lineage as tracing
from loop.cli.options import AsJson, ProjectId, out
from loop.errors import PayloadError
from loop.lineage import AnnotatorLineage, Drawn, Learned, RegionLineage, Shown, VersionLineage
from loop.reviews.verdict_query import VerdictRecord
from loop.storage.storable import LARGEST_ID
from loop.taxonomy.voters import Matched
from loop.wiring import build

app = typer.Typer()


@app.command()
def lineage(
    project: ProjectId,
    region: Annotated[str | None, typer.Option("--region", help="A region's id, as Label Studio shows it.")] = None,
    annotator: Annotated[
        int | None, typer.Option("--annotator", min=1, max=LARGEST_ID, help="Label Studio's user id.")
    ] = None,
    version: Annotated[str | None, typer.Option("--version", help="A version, such as 1.2.0.")] = None,
    as_json: AsJson = False,
) -> None:
    """Trace a region to all that led to it and learned from it, or an annotator or a version to what they touched."""
    if sum(one is not None for one in (region, annotator, version)) != 1:
        raise PayloadError("lineage", "one of --region, --annotator, --version", "none or several")
    parts = build(migrate=True)
    found: RegionLineage | AnnotatorLineage | VersionLineage
    if region is not None:
        found = tracing.of_region(parts, project, region)
    elif annotator is not None:
        found = tracing.of_annotator(parts, project, annotator)
    else:
        found = tracing.of_version(parts, project, version or "")
    if as_json:
        typer.echo(json.dumps(to_jsonable_python(found), indent=2))
        return
    lines = _region_lines(found) if isinstance(found, RegionLineage) else _lines(asdict(found))
    for name, line in lines:
        out.print(f"{name:<14} {line}")


def _region_lines(found: RegionLineage) -> Iterator[tuple[str, str]]:
    yield from (("predicted", _shown(one)) for one in found.shown)
    yield from (("reviewed", _drawn(one)) for one in found.drawn)
    yield from (("verdict", _decided(one)) for one in found.verdicts)
    yield from (("learned", _learned(one)) for one in found.learned)
    yield from (("matched", line) for one in found.matched for line in _matched(one))


def _matched(one: Matched) -> Iterator[str]:
    yield f"{one.node or 'unknown'} {one.score:.2f} in the taxonomy, task {one.task}, by {one.embedder}"
    for voter in one.voters:
        where = "no reference any more" if voter.task is None else f"task {voter.task} region {voter.region}"
        yield f"  {voter.similarity:.3f} {voter.label or ''} {where}"


def _shown(one: Shown) -> str:
    how = "kept back under the threshold" if one.is_candidate else "shown"
    how = "by a shadow, not shown" if one.is_shadow else how
    confidence = "" if one.region.score is None else f" {one.region.score:.2f}"
    what = f"{one.region.label}{confidence} on task {one.task} by {one.version}, {how}"
    served = f"in the {one.stream} (score {one.task_score:.3f}), execution {one.execution or 'not known'}"
    return f"{what}, {served}, {one.served_at:%Y-%m-%d %H:%M:%S}"


def _drawn(one: Drawn) -> str:
    counts = "counts" if one.is_counted else "does not count"
    where = f"on task {one.task} in annotation {one.annotation} by annotator {one.annotator}"
    return f"{one.region.label} {where}, {counts}, {one.reviewed_at:%Y-%m-%d %H:%M:%S}"


def _decided(one: VerdictRecord) -> str:
    what = [name for name, is_so in (("moved", one.is_moved), ("relabelled", one.is_relabelled)) if is_so]
    said = one.decision.value + (f" ({' and '.join(what)})" if what else "")
    seconds = "" if one.lead_time is None else f" in {one.lead_time:.1f} s"
    return f"{said} on {one.version} by {one.actor or f'annotator {one.annotator}'}{seconds} ({one.source.value})"


def _learned(one: Learned) -> str:
    version = f", {one.version}" if one.version else ""
    where = f"annotation {one.annotation} on the {one.side} side of {one.snapshot[:16]}"
    return f"{where}: training {one.training} {one.state}{version}"


def _lines(found: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in found.items():
        shown = value
        if isinstance(value, dict):
            shown = ", ".join(f"{key}: {_flat(one)}" for key, one in value.items()) or "none"
        elif isinstance(value, list):
            shown = f"{len(value)}: {', '.join(str(one) for one in value[:20])}" if value else "none"
        yield name.replace("_", " "), str(shown)


def _flat(value: object) -> str:
    return ", ".join(f"{count} {name}" for name, count in value.items()) if isinstance(value, dict) else str(value)
