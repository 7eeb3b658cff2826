"""
Measure what an export in 8 bits costs and brings: `python -m scripts.bench.eight_bits [SEEDS]`.

For each seed a detector is trained on composed scenes, exported in 32 bits, and again in 8, calibrated on its training
scenes. Both are measured on scenes of other cut-outs, and judged as the gate judges them. Then both detect in turns,
each in a process of its own.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from loop.gate.comparison import Latency, contrast
from loop.gate.evaluator import Evaluator
from loop.gate.rule import GatePolicy, rule_on_8_bits
from loop.registry.detectors import Detectors
from loop.training.callbacks import Watch
from loop.training.trainer import TrainingPolicy, train
from loop.vision.cpu.model_file import SUFFIX
from loop.vision.cpu.quantise import choose_images
from loop.vision.cpu.speed import Speed, combine, measure
from loop.vision.cpu.tuning import default_tuning
from loop.vision.tiling.tiles import Framing
from scripts.bench.figures import BenchReport, Measurement
from scripts.bench.training import write_scenes
from scripts.demo import scenes

SEEDS, ROUNDS = 3, 3
TRAINED_ON, HELD_OUT = 160, 100
PIXELS, EPOCHS, BATCH = 160, 30, 8
SERVED_PIXELS = 640
WIDE, NARROW = "32 bits", "8 bits"


def main() -> None:
    """Measure and print."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    with tempfile.TemporaryDirectory(prefix="loop-eight-bits-") as name:
        folder = Path(name)
        data = write_scenes(folder / "data", TRAINED_ON, HELD_OUT)
        rows = [judge(seed, data, folder / str(seed)) for seed in range(seeds)]
        speeds = measure_speeds(folder / "0")
    make_report(rows, speeds).publish()


def judge(seed: int, data: Path, folder: Path) -> list[str]:
    """Train and export with a seed; return a row about both exports."""
    folder.mkdir()
    detectors = Detectors("cpu", PIXELS, "", folder)
    policy = TrainingPolicy(epochs=EPOCHS, batch=BATCH, image_size=PIXELS, device="cpu", seed=seed)
    weights = train(data, scenes.WARM_START, folder / "run", policy, Watch(lambda _: None, lambda: None))
    wide, narrow = (folder / f"{name}{SUFFIX}" for name in (WIDE, NARROW))
    detectors.export(weights, wide)
    began = time.monotonic()
    detectors.quantise(wide, choose_images(sorted((data.parent / "images" / "train").iterdir())), narrow, PIXELS)
    seconds = time.monotonic() - began
    evaluator = Evaluator(detectors)
    latency = Latency(*detectors.latencies([(file, Framing(PIXELS)) for file in (wide, narrow)], list_held_out(data)))
    comparison = contrast(evaluator.evaluate(wide, data), evaluator.evaluate(narrow, data), latency=latency)
    change = comparison.overall
    row = [
        str(seed),
        f"{change.champion:.4f}",
        f"{change.candidate:.4f}",
        f"{change.low:+.4f} to {change.high:+.4f}",
        rule_on_8_bits(comparison, GatePolicy()).outcome.value,
        f"{seconds:.0f}",
        f"{wide.stat().st_size / 1e6:.1f}, {narrow.stat().st_size / 1e6:.1f}",
    ]
    print(*row, flush=True)
    return row


def list_held_out(data: Path) -> list[Path]:
    """Return the held-out images."""
    return sorted((data.parent / "images" / "held_out").iterdir())


def measure_speeds(folder: Path) -> dict[str, Speed]:
    """Detect with both exports in turns, on made-up photos."""
    rounds: dict[str, list[Speed]] = {WIDE: [], NARROW: []}
    for _ in range(ROUNDS):
        for name, done in rounds.items():
            done.append(measure(folder / f"{name}{SUFFIX}", [], SERVED_PIXELS, default_tuning()))
            print(name, done[-1], flush=True)
    return {name: combine(done) for name, done in rounds.items()}


def make_report(rows: Sequence[Sequence[str]], speeds: Mapping[str, Speed]) -> BenchReport:
    """Return both exports side by side."""
    columns = ("seed", "in 32 bits", "in 8 bits", "interval of the change", "the gate", "seconds to make it", "MB")
    judged = Measurement(f"mAP50-95 on {HELD_OUT} scenes", columns, rows)
    speed_rows = [
        [name, f"{each.alone_ms:.1f}", f"{each.images_s:.1f}", f"{each.memory_mb:.0f}"] for name, each in speeds.items()
    ]
    speed = Measurement(
        f"Speed at {SERVED_PIXELS} px, medians of {ROUNDS} rounds in turns",
        ("", "an image alone, ms", "images a second by several threads", "memory of the process, MB"),
        speed_rows,
    )
    load = (
        f"YOLO11n trained for {EPOCHS} epochs at {PIXELS} px on {TRAINED_ON} composed scenes, calibrated on 128; "
        f"photos of 960x1280 for the speed; other work may run beside it"
    )
    raw: dict[str, object] = {
        "speeds": {name: [each.alone_ms, each.images_s, each.memory_mb] for name, each in speeds.items()}
    }
    return BenchReport("eight_bits", load, [judged, speed], raw=raw)


if __name__ == "__main__":
    main()
