"""Measure two versions on the same held-out split, and let the gate judge a trained candidate."""

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
from loop.vision.image_files import make_thumbnail

LAST = 1000  # newest trainings whose snapshots are searched


def judge(
    parts: Parts, snapshot: Snapshot, champion: Version | None, candidate: Version, evaluated: Evaluation
) -> Ruling:
    """
    Judge a candidate, *evaluated* on the snapshot, against the champion, and keep the report of every ruling.

    Without a champion the candidate is compared with the start weights, or with a detector that finds nothing.
    """
    report = _report(parts, snapshot, champion, candidate, evaluated)
    ruling = rule(report.comparison, parts.policies.gate)
    parts.reports.keep(replace(report, ruling=ruling))
    return ruling


def compare(parts: Parts, project_id: int, first: str, second: str, snapshot: str | None = None) -> Report:
    """
    Measure two versions on the held-out split of a snapshot, by default the newest. Promote nothing.

    Raises UnknownVersion and UnknownSnapshot.
    """
    versions = [parts.registry.get(project_id, name) for name in (first, second)]
    chosen = _find_snapshot(parts, project_id, snapshot)
    evaluated = parts.evaluator.evaluate(versions[1].weights, chosen.data, versions[1].image_size)
    return _report(parts, chosen, versions[0], versions[1], evaluated)


def _report(
    parts: Parts, snapshot: Snapshot, champion: Version | None, candidate: Version, evaluated: Evaluation
) -> Report:
    project_id, images = candidate.project_id, snapshot.held_out()
    weights = champion.weights if champion else parts.detectors.base_if_here()
    image_size = champion.image_size if champion else None
    before = parts.evaluator.evaluate(weights, snapshot.data, image_size) if weights else evaluated.with_nothing_found()
    threshold = parts.policies.thresholds.under(parts.projects.get(project_id).config()).display
    comparison = contrast(
        before,
        evaluated,
        known=_known(parts, champion),
        threshold=threshold,
        latency=_latency(parts, (weights, image_size), candidate, list(images.values())) if weights else None,
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
        pictures=tuple(_picture(mistakes, images[mistakes.image], before, evaluated, threshold) for mistakes in chosen),
    )


def _picture(mistakes: Mistakes, path: Path, champion: Evaluation, candidate: Evaluation, threshold: float) -> Picture:
    truth, before = boxes_on(champion, mistakes.image, threshold)
    _, after = boxes_on(candidate, mistakes.image, threshold)
    return Picture(mistakes, *make_thumbnail(path), truth=truth, champion=before, candidate=after)


def _latency(parts: Parts, other: tuple[Path, int | None], candidate: Version, images: list[Path]) -> Latency:
    return Latency(*parts.detectors.latencies((other, (candidate.weights, candidate.image_size)), images))


def _known(parts: Parts, champion: Version | None) -> frozenset[str]:
    """Names of the held-out images of the champion's own snapshot, if the snapshot still exists."""
    if champion is None or not champion.facts.snapshot:
        return frozenset()
    snapshot = dataset_folder.read(parts.snapshots / str(champion.project_id), champion.facts.snapshot)
    return frozenset(snapshot.held_out()) if snapshot else frozenset()


def _side(parts: Parts, version: Version | None) -> Side:
    if version is None:
        return Side(parts.version_name(None), "", None)
    return Side(version.name, version.sha256, version.facts.snapshot)


def _find_snapshot(parts: Parts, project_id: int, prefix: str | None) -> Snapshot:
    """The newest snapshot of a project whose hash begins with *prefix*, if given. Raises UnknownSnapshot."""
    for training in parts.trainings.last(project_id, LAST):
        if training.snapshot and training.snapshot.startswith(prefix or ""):
            snapshot = dataset_folder.read(parts.snapshots / str(project_id), training.snapshot)
            if snapshot:
                return snapshot
    raise UnknownSnapshot(project_id, prefix)
