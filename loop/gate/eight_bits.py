"""Makes an export in 8 bits, if the gate's paired test does not find it worse than the export in 32."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loop.datasets.folder import Snapshot
from loop.datasets.splits import Side
from loop.errors import WeightsRefused
from loop.gate.comparison import Latency, contrast
from loop.gate.evaluation import Evaluation
from loop.gate.room import GateRoom
from loop.gate.rule import GateOutcome, Ruling, describe_shortage, rule_on_8_bits
from loop.registry.store import Version
from loop.vision.cpu.model_file import SUFFIX
from loop.vision.cpu.quantise import can_quantise, choose_images

log = logging.getLogger(__name__)

Sided = tuple[Path, Evaluation]  # a file and its evaluation
NOT_INSTALLED = "nncf is not installed: install the extra int8"


@dataclass(frozen=True, slots=True)
class EightBits:
    """An export in 8 bits with its evaluation, if the gate admits it; *figures* are recorded in any case."""

    figures: dict[str, Any] = field(default_factory=dict)
    file: Path | None = None
    evaluation: Evaluation | None = None


def try_8_bits(
    gate: GateRoom, version: Version, snapshot: Snapshot, exported: Path, evaluated: Evaluation
) -> EightBits:
    """
    Make an export in 8 bits beside the file *exported*, calibrated on images of the training side, and judge it.

    It is measured on the held-out split, on which *exported* was *evaluated*. A failure is a refusal, never an error:
    the export in 32 bits serves.
    """
    images = choose_images(sorted((snapshot.trained_on.parent / "images" / Side.TRAIN).glob("*")))
    if reason := _find_obstacle(gate, evaluated, images):
        return EightBits({"admitted": False, "reason": reason})
    log.info(
        "%s: an export in 8 bits is made and measured, on %d images; this takes minutes", version.name, len(images)
    )
    file, began = exported.with_name(f"smaller{SUFFIX}"), time.monotonic()
    figures: dict[str, Any] = {"calibrated_on": len(images)}
    try:
        gate.registry.detectors.quantise(exported, images, file, version.image_size)
        figures["seconds"] = round(time.monotonic() - began, 1)
        smaller = gate.measure(version, file, snapshot.data)
        ruling, compared = _judge(gate, version, snapshot, (exported, evaluated), (file, smaller))
    except WeightsRefused as error:
        return _refuse(version, figures, error.kind)
    figures |= compared
    if ruling.outcome is not GateOutcome.PROMOTED:
        return _refuse(version, figures, ruling.reason)
    log.info("%s: it serves in 8 bits: %s", version.name, ruling.reason)
    return EightBits({**figures, "admitted": True, "reason": ruling.reason}, file, smaller)


def _find_obstacle(gate: GateRoom, evaluated: Evaluation, images: list[Path]) -> str:
    """Say why no export in 8 bits is tried, before minutes are spent on it; empty if nothing stands against it."""
    if not gate.registry.detectors.tries_8_bits:
        return "LOOP_EXPORT does not ask for it"
    if not can_quantise():
        return NOT_INSTALLED
    shortage = describe_shortage(evaluated.metrics, gate.policy)
    return shortage or ("" if images else "the snapshot has no training images to calibrate it on")


def _judge(
    gate: GateRoom, version: Version, snapshot: Snapshot, wide: Sided, narrow: Sided
) -> tuple[Ruling, dict[str, Any]]:
    """Compare the exports in 32 and in 8 bits; return the ruling and the figures."""
    framed = [(file, version.framing) for file, _ in (wide, narrow)]
    latency = Latency(*gate.registry.detectors.latencies(framed, list(snapshot.held_out().values())))
    comparison = contrast(wide[1], narrow[1], latency=latency)
    change = comparison.overall
    figures = {
        "map50_95": round(change.candidate, 6),
        "interval": [round(change.low, 4), round(change.high, 4)],
        "milliseconds": [round(latency.candidate, 1), round(latency.champion, 1)],
    }
    return rule_on_8_bits(comparison, gate.policy), figures


def _refuse(version: Version, figures: dict[str, Any], reason: str) -> EightBits:
    log.warning("%s: it does not serve in 8 bits, but in 32: %s", version.name, reason)
    return EightBits({**figures, "admitted": False, "reason": reason})
