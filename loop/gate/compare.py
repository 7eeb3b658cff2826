"""Measure two versions on the same held-out split, and let the gate judge what a training made."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from loop.datasets import folder as dataset_folder
from loop.datasets.folder import Snapshot
from loop.errors import UnknownSnapshot
from loop.gate.comparison import Latency, Mistakes, contrast
from loop.gate.evaluation import Evaluation
from loop.gate.report import PICTURES, Picture, Report, Side, boxes_on, broken, fixed
from loop.gate.rule import Ruling, rule
from loop.parts import Parts
from loop.registry.store import Version
from loop.vision.thumbnails import thumbnail

LAST = 1000  # trainings whose snapshots are looked through


def judge(
    parts: Parts, snapshot: Snapshot, champion: Version | None, candidate: Version, evaluated: Evaluation
) -> Ruling:
    """
    Judge a candidate, *evaluated* on the snapshot, against the champion, and keep the report whatever comes of it.

    Without a champion it is measured against the weights to start from, else against finding nothing.
    """
    report = _report(parts, snapshot, champion, candidate, evaluated)
    ruling = rule(report.comparison, parts.policies.gate)
    parts.reports.keep(replace(report, ruling=ruling))
    return ruling


def compare(parts: Parts, project_id: int, first: str, second: str, snapshot: str | None = None) -> Report:
    """
    Measure two versions on the held-out split of a snapshot, the newest by default; promote nothing.

    Raises UnknownVersion and UnknownSnapshot.
    """
    versions = [parts.registry.get(project_id, name) for name in (first, second)]
    found = _snapshot(parts, project_id, snapshot)
    evaluated = parts.detectors.evaluate(versions[1].weights, found.data, versions[1].image_size)
    return _report(parts, found, versions[0], versions[1], evaluated)


def _report(
    parts: Parts, snapshot: Snapshot, champion: Version | None, candidate: Version, evaluated: Evaluation
) -> Report:
    project_id, images = candidate.project_id, snapshot.held_out()
    weights = champion.weights if champion else parts.detectors.base_if_here()
    size = champion.image_size if champion else None
    other = parts.detectors.evaluate(weights, snapshot.data, size) if weights else evaluated.with_nothing_found()
    threshold = parts.policies.thresholds.under(parts.projects.get(project_id).config()).display
    comparison = contrast(
        other,
        evaluated,
        known=_known(parts, champion),
        threshold=threshold,
        latency=_latency(parts, (weights, size), candidate, list(images.values())) if weights else None,
    )
    chosen = [*fixed(comparison.mistakes)[:PICTURES], *broken(comparison.mistakes)[:PICTURES]]
    return Report(
        project_id=project_id,
        champion=_side(parts, champion),
        candidate=_side(parts, candidate),
        snapshot=snapshot.hash,
        made_at=datetime.now(UTC),
        threshold=threshold,
        policy=parts.policies.gate,
        comparison=comparison,
        pictures=tuple(_picture(one, images[one.image], other, evaluated, threshold) for one in chosen),
    )


def _picture(mistakes: Mistakes, path: Path, champion: Evaluation, candidate: Evaluation, threshold: float) -> Picture:
    truth, before = boxes_on(champion, mistakes.image, threshold)
    _, after = boxes_on(candidate, mistakes.image, threshold)
    return Picture(mistakes, *thumbnail(path), truth=truth, champion=before, candidate=after)


def _latency(parts: Parts, other: tuple[Path, int | None], candidate: Version, images: list[Path]) -> Latency:
    return Latency(*parts.detectors.latencies((other, (candidate.weights, candidate.image_size)), images))


def _known(parts: Parts, champion: Version | None) -> frozenset[str]:
    """The names of the held-out images there were when the champion was made, where its snapshot is still here."""
    if champion is None or not champion.facts.snapshot:
        return frozenset()
    own = dataset_folder.read(parts.snapshots / str(champion.project_id), champion.facts.snapshot)
    return frozenset(own.held_out()) if own else frozenset()


def _side(parts: Parts, version: Version | None) -> Side:
    if version is None:
        return Side(parts.version_name(None), "", None)
    return Side(version.name, version.sha256, version.facts.snapshot)


def _snapshot(parts: Parts, project_id: int, wanted: str | None) -> Snapshot:
    """The newest snapshot of a project, or the one whose hash begins as *wanted*. Raises UnknownSnapshot."""
    for training in parts.trainings.last(project_id, LAST):
        if training.snapshot and training.snapshot.startswith(wanted or ""):
            found = dataset_folder.read(parts.snapshots / str(project_id), training.snapshot)
            if found:
                return found
    raise UnknownSnapshot(project_id, wanted)
