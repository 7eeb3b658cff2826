"""Measures in which form and with how many images at once a machine detects fastest, and records the choice."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loop.errors import WeightsRefused
from loop.gate.room import GateRoom
from loop.registry.loaded_version import EXPORTED, EXPORTED_8, TRAINED
from loop.registry.store import Version
from loop.vision.cpu.model_file import SUFFIX
from loop.vision.cpu.speed import Speed, combine, measure
from loop.vision.cpu.tuning import Tuning, describe_machine, write_tuning
from loop.vision.detector import ADVICE
from loop.vision.ultralytics_setup import thread_count

log = logging.getLogger(__name__)

ROUNDS = 2
MOST_IMAGES = 12
NEARLY = 0.9  # share of the best speed from which fewer images at once are chosen: that takes less memory


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to serve: *runtime* names the library and, in 8 bits, the precision; *speed* is None if it failed."""

    runtime: str
    tuning: Tuning
    speed: Speed | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Tuned:
    """
    All measured variants of a version on a machine, and the *chosen* one, recorded in *file*; None on a GPU.

    *images* is the number of held-out images that were used; 0: made-up ones. *image_size* is in pixels;
    None: as trained.
    """

    machine: str
    version: str
    images: int
    image_size: int | None
    variants: tuple[Variant, ...]
    chosen: Variant | None
    file: Path | None


def tune(gate: GateRoom, project_id: int | None, home: Path) -> Tuned:
    """
    Measure the champion of a project, by default of the first project that has one, else the start weights.

    Each measurement is logged before it begins. Raises WeightsRefused without any weights, if they cannot be
    exported, and if no export can be measured.
    """
    version = _find_version(gate, project_id)
    detectors = gate.registry.detectors
    size = detectors.serving_size(version.image_size if version else None)
    trained = gate.registry.versions.bring(version) if version else detectors.base()
    images = _find_images(gate, version)
    with tempfile.TemporaryDirectory() as scratch:
        files = [(TRAINED, trained)]
        if detectors.serves_exports:
            files += _list_exports(gate, version, trained, Path(scratch))
        variants = [(Variant(runtime, tuning), file) for runtime, file in files for tuning in _list_tunings(runtime)]
        measured = _measure_in_turns(variants, images, size, detectors.device)
    chosen = choose(measured) if detectors.serves_exports else None
    file = write_tuning(home, chosen.tuning) if chosen else None
    name = version.name if version else gate.registry.version_name(None)
    return Tuned(describe_machine(), name, len(images), size, tuple(measured), chosen, file)


def choose(variants: Sequence[Variant]) -> Variant:
    """
    Choose among the exports in the narrowest form that was measured: it is what serves.

    Of those that are nearly as fast as the fastest, the one with the fewest images at once is chosen. Raises
    WeightsRefused.
    """
    speeds = {variant: variant.speed.images_s for variant in variants if variant.speed}
    for runtime in (EXPORTED_8, EXPORTED):
        own = [variant for variant in speeds if variant.runtime == runtime]
        if own:
            best = max(speeds[variant] for variant in own)
            nearly = (variant for variant in own if speeds[variant] >= NEARLY * best)
            return min(nearly, key=lambda variant: variant.tuning.at_once)
    problems = "; ".join(f"{variant.runtime}: {variant.problem}" for variant in variants if variant.problem)
    raise WeightsRefused("the version", f"not to be exported here: {problems or 'no export'}", ADVICE)


def _find_version(gate: GateRoom, project_id: int | None) -> Version | None:
    projects = [project_id] if project_id else [project.id for project in gate.studio.projects.all()]
    champions = (gate.registry.versions.champion(each) for each in projects)
    return next((champion for champion in champions if champion), None)


def _list_tunings(runtime: str) -> list[Tuning]:
    """One image at once, twice as many, and so on to one for each thread; torch works on one."""
    threads = thread_count()
    powers = [1 << power for power in range(threads.bit_length()) if 1 << power < threads]
    return [Tuning(at_once, threads) for at_once in ([1] if runtime == TRAINED else [*powers, threads])]


def _list_exports(gate: GateRoom, version: Version | None, trained: Path, scratch: Path) -> Iterator[tuple[str, Path]]:
    file = scratch / f"wide{SUFFIX}"
    gate.registry.detectors.export(trained, file)
    yield EXPORTED, file
    export = gate.registry.exports.of(version) if version else None
    if version and export and export.file and export.runtime == EXPORTED_8:
        yield EXPORTED_8, gate.registry.exports.verify(version, export)


def _find_images(gate: GateRoom, version: Version | None) -> list[Path]:
    """Return held-out images of the newest snapshot of the version's project; none if their files are not here."""
    snapshot = gate.datasets.snapshots.find_newest(version.project_id) if version else None
    try:
        return list(snapshot.held_out().values())[:MOST_IMAGES] if snapshot else []
    except OSError:  # a snapshot from a backup has no images
        return []


def _measure_in_turns(
    variants: Sequence[tuple[Variant, Path]],
    images: Sequence[Path],
    size: int | None,
    device: str,
) -> list[Variant]:
    rounds: dict[Variant, list[Speed]] = {}
    problems: dict[Variant, str] = {}
    for number in range(ROUNDS):
        for variant, file in variants:
            log.info(
                "round %d of %d: %s, images at once: %d", number + 1, ROUNDS, variant.runtime, variant.tuning.at_once
            )
            try:
                rounds.setdefault(variant, []).append(measure(file, images, size, variant.tuning, device))
            except WeightsRefused as error:
                problems[variant] = error.kind
    return [
        Variant(
            variant.runtime,
            variant.tuning,
            combine(rounds[variant]) if rounds.get(variant) else None,
            problems.get(variant, ""),
        )
        for variant, _ in variants
    ]
