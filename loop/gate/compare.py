"""Measure two versions on the same held-out split, and let the gate judge a trained candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from loop.datasets.folder import Snapshot, list_held_out
from loop.datasets.splits import Side
from loop.errors import PayloadError, UnknownReport, UnknownSnapshot
from loop.gate.comparison import Comparison, Latency, Mistakes, Sides, contrast
from loop.gate.evaluation import Evaluation, KindOf, one_kind
from loop.gate.evaluator import Evaluator
from loop.gate.report import (
    PICTURES,
    ComparedVersion,
    DrawnBox,
    GateReport,
    Picture,
    list_boxes,
    list_broken,
    list_fixed,
    name_pair,
)
from loop.gate.room import GateRoom
from loop.gate.rule import GatePolicy, Ruling, rule
from loop.label_studio.label_config import LabelConfig
from loop.registry.detectors import Detectors
from loop.registry.store import Version
from loop.storage.files import sha256_of
from loop.vision.image_files import make_thumbnail
from loop.vision.tiling.tiles import AS_TRAINED, Framing

MEASUREMENTS = 3  # of the time of a candidate that seems too slow

BoxLister = Callable[[str], tuple[tuple[DrawnBox, ...], tuple[DrawnBox, ...]]]  # true and shown boxes of an image


def judge(
    gate: GateRoom, snapshot: Snapshot, champion: Version | None, candidate: Version, evaluated: Evaluation
) -> Ruling:
    """
    Judge a candidate, *evaluated* on the snapshot, against the champion, and keep the report of every ruling.

    Both are measured by the files that serve on this machine.

    Without a champion the candidate is compared with the start weights, or with a detector that finds nothing.
    """
    report = _make_report(gate, snapshot, champion, candidate, evaluated)
    ruling = rule(report.comparison, gate.policy)
    gate.reports.write(replace(report, ruling=ruling))
    return ruling


def compare(gate: GateRoom, project_id: int, first: str, second: str, snapshot: str | None = None) -> GateReport:
    """
    Measure two versions on the held-out split of a snapshot, by default the newest, and keep the report.

    Promote nothing. Raises UnknownVersion and UnknownSnapshot.
    """
    versions = [gate.registry.versions.get(project_id, name) for name in (first, second)]
    chosen = _find_snapshot(gate, project_id, snapshot)
    file = gate.registry.served_file(versions[1])
    evaluated = gate.measure(versions[1], file, chosen.data)
    report = _make_report(gate, chosen, versions[0], versions[1], evaluated)
    gate.reports.write(report)
    return report


def find_report(gate: GateRoom, project_id: int, first: str, second: str) -> GateReport | None:
    """
    Return the newest report on two versions, whichever is the candidate; None if they were never measured together.

    The gate's own report is one where the other version was the champion. Raises UnknownVersion, StoreDown.
    """
    names = [gate.registry.versions.get(project_id, name).name for name in (first, second)]
    reports = []
    for key in (*names, name_pair(*names), name_pair(*reversed(names))):
        with suppress(UnknownReport, PayloadError):
            report = gate.reports.read(project_id, key)
            if sorted((report.champion.name, report.candidate.name)) == sorted(names):
                reports.append(report)
    return max(reports, key=lambda report: report.made_at, default=None)


def _make_report(
    gate: GateRoom, snapshot: Snapshot, champion: Version | None, candidate: Version, evaluated: Evaluation
) -> GateReport:
    project_id, images = candidate.project_id, snapshot.held_out()
    weights = gate.registry.served_file(champion) if champion else gate.registry.detectors.base_if_here()
    framing = champion.framing if champion else AS_TRAINED
    config = gate.studio.projects.get(project_id).config()  # versions serve by it, with former names of the labels
    before = (
        gate.evaluator.evaluate(weights, snapshot.data, framing, config.label_map)
        if weights
        else evaluated.without_detections()
    )
    thresholds = _read_threshold(gate, champion, config), _read_threshold(gate, candidate, config)
    comparison = contrast(
        before,
        evaluated,
        known=_list_known_images(gate, champion),
        thresholds=thresholds,
        kind_of=config.kind_of,
        latency=_measure_latency(gate, (weights, framing), candidate, list(images.values())) if weights else None,
    )
    return GateReport(
        project_id=project_id,
        champion=_describe_version(gate, champion),
        candidate=_describe_version(gate, candidate),
        snapshot=snapshot.hash,
        made_at=datetime.now(UTC),
        thresholds=thresholds,
        policy=gate.policy,
        comparison=comparison,
        pictures=_draw(before, evaluated, comparison, images, thresholds, config.kind_of),
        held_out=snapshot.digest_held_out(),
    )


def compare_files(detectors: Detectors, first: Path, second: Path, data: Path, threshold: float) -> GateReport:
    """
    Measure two files of weights on the held-out side of the dataset whose `data.yaml` is *data*; needs no records.

    Raises ImageUnreadable, PayloadError, WeightsRefused.
    """
    evaluator, images, thresholds = Evaluator(detectors), list_held_out(data), (threshold, threshold)
    names = (first.name, second.name) if first.name != second.name else (str(first), str(second))
    before, after = (evaluator.evaluate(weights, data) for weights in (first, second))
    times = Latency(*detectors.latencies(((first, AS_TRAINED), (second, AS_TRAINED)), images))
    comparison = contrast(before, after, thresholds=thresholds, latency=times)
    return GateReport(
        project_id=0,
        champion=ComparedVersion(names[0], sha256_of(first), None),
        candidate=ComparedVersion(names[1], sha256_of(second), None),
        snapshot=data.parent.name,
        made_at=datetime.now(UTC),
        thresholds=thresholds,
        policy=GatePolicy(),
        comparison=comparison,
        pictures=_draw(before, after, comparison, {path.stem: path for path in images}, thresholds, one_kind),
    )


def _draw(
    before: Evaluation,
    after: Evaluation,
    comparison: Comparison,
    images: Mapping[str, Path],
    thresholds: Sides,
    kind_of: KindOf,
) -> tuple[Picture, ...]:
    """Draw the images with the most mistakes fixed, and those with the most newly made."""
    chosen = [*list_fixed(comparison.mistakes)[:PICTURES], *list_broken(comparison.mistakes)[:PICTURES]]
    list_before = partial(list_boxes, before, is_shown=before.shown(thresholds[0], kind_of))
    list_after = partial(list_boxes, after, is_shown=after.shown(thresholds[1], kind_of))
    return tuple(_make_picture(list_before, list_after, mistakes, images[mistakes.image]) for mistakes in chosen)


def _read_threshold(gate: GateRoom, version: Version | None, config: LabelConfig) -> float:
    """Return the threshold at which a version shows its boxes; None: the start weights."""
    own = gate.registry.thresholds_of(version) if version else gate.registry.thresholds
    return own.under(config).display


def _make_picture(champion: BoxLister, candidate: BoxLister, mistakes: Mistakes, path: Path) -> Picture:
    truth, before = champion(mistakes.image)
    _, after = candidate(mistakes.image)
    return Picture(mistakes, *make_thumbnail(path), truth=truth, champion=before, candidate=after)


def _measure_latency(gate: GateRoom, other: tuple[Path, Framing], candidate: Version, images: list[Path]) -> Latency:
    """
    Measure the time for an image, with the tiles of the candidate on both sides: whoever sets tiles wants them.

    A candidate that seems too slow is measured again: on a busy machine one measurement may be far off.
    """
    weights, framing = other
    served = gate.registry.served_file(candidate), candidate.framing
    alike = weights, replace(framing, tiling=candidate.framing.tiling)
    measured = list[Latency]()
    for _ in range(MEASUREMENTS):
        measured.append(Latency(*gate.registry.detectors.latencies((alike, served), images)))
        if measured[-1].ratio <= gate.policy.latency_ratio:
            break
    return min(measured, key=lambda each: each.ratio)


def _list_known_images(gate: GateRoom, champion: Version | None) -> frozenset[str]:
    """Names of the held-out images of the champion's own snapshot, if the snapshot still exists."""
    if champion is None or not champion.facts.snapshot:
        return frozenset()
    snapshot = gate.datasets.snapshots.read_list(champion.project_id, champion.facts.snapshot)
    items = snapshot.items() if snapshot else ()
    return frozenset(Path(item.file).stem for item in items if item.side is Side.HELD_OUT)


def _describe_version(gate: GateRoom, version: Version | None) -> ComparedVersion:
    if version is None:
        return ComparedVersion(gate.registry.version_name(None), "", None)
    return ComparedVersion(version.name, version.sha256, version.facts.snapshot)


def _find_snapshot(gate: GateRoom, project_id: int, prefix: str | None) -> Snapshot:
    """The newest snapshot of a project whose hash begins with *prefix*, if given. Raises UnknownSnapshot."""
    snapshot = gate.datasets.snapshots.find_newest(project_id, prefix or "")
    if snapshot is None:
        raise UnknownSnapshot(project_id, prefix)
    return snapshot
