"""Exports a version for a CPU, if the export is as good as the trained weights on the held-out split."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from loop.datasets.folder import Snapshot
from loop.errors import LoopError
from loop.gate.eight_bits import try_8_bits
from loop.gate.evaluation import Evaluation
from loop.gate.room import GateRoom
from loop.registry.export import Parity, export_once
from loop.registry.store import Version

log = logging.getLogger(__name__)

SERVES = "it began to serve by its trained weights before its export was measured"
MOST_DIFFERENCE = 0.002  # of mAP50-95 between the trained weights and their export


def compare_precision(trained: Evaluation, exported: Evaluation) -> Parity:
    """Compare the trained weights with their export, on the same images."""
    before, after = trained.metrics, exported.metrics
    measured = {"trained": before.map50_95, "exported": after.map50_95, "images": before.images}
    difference = round(abs(after.map50_95 - before.map50_95), 6)
    if difference <= MOST_DIFFERENCE:
        return Parity(measured=measured)
    return Parity(
        f"its mAP50-95 is {after.map50_95:.4f}, that of the trained weights {before.map50_95:.4f} on "
        f"{before.images} held-out images: they may differ by at most {MOST_DIFFERENCE:g}",
        measured,
    )


def export_and_measure(gate: GateRoom, version: Version, snapshot: Snapshot, trained: Evaluation) -> Evaluation:
    """Export a version whose *trained* weights were measured; return the evaluation of the file that serves."""
    exported: Evaluation | None = None

    def judge(file: Path) -> Parity:
        nonlocal exported
        exported = gate.measure(version, file, snapshot.data)
        parity = compare_precision(trained, exported)
        if parity.objection:
            return parity
        trial = try_8_bits(gate, version, snapshot, file, exported)
        if gate.registry.moves.has_served(version.project_id, version.name):
            return replace(parity, objection=SERVES)  # other processes have its trained weights in memory
        exported = trial.evaluation or exported
        return replace(parity, measured={**parity.measured, "int8": trial.figures}, smaller=trial.file)

    export_once(gate.registry, version, judge)
    file = gate.registry.served_file(version)
    if file == version.weights:
        return trained
    return exported or gate.measure(version, file, snapshot.data)


def export_before_serving(gate: GateRoom, version: Version) -> None:
    """
    Export a version that was never exported, judged on the newest snapshot of its project if there is one.

    If the export cannot be judged, a warning is logged and the trained weights serve.
    """
    if gate.registry.exports.of(version) or not gate.registry.detectors.serves_exports:
        return
    try:
        snapshot = gate.datasets.snapshots.find_newest(version.project_id)
        if snapshot is None:
            export_once(gate.registry, version)
            return
        trained = gate.measure(version, gate.registry.versions.bring(version), snapshot.data)
        export_and_measure(gate, version, snapshot, trained)
    except (LoopError, OSError) as error:  # a snapshot from a backup has no images
        log.warning("%s: its trained weights serve, because an export cannot be judged: %s", version.name, error)
