"""
Measure how often the gate is right, on cases whose truth is known.

`python -m scripts.bench.gate FIRST.pt OLDER.pt NEWER.pt` runs real detectors, for instance three versions that a demo
trained, over a large pool of composed scenes. Copies of their detections are made worse by known amounts: the whole
pool then tells which of two copies is better. Held-out sets of several sizes are drawn from the pool, the gate decides
on each, and its decisions are counted.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from loop.gate.average_precision import average_classes, average_precisions
from loop.gate.comparison import Comparison, MetricChange, contrast
from loop.gate.evaluate import evaluate
from loop.gate.evaluation import Evaluation
from loop.gate.rule import GateOutcome, GatePolicy, rule
from loop.rates.intervals import wilson
from loop.vision.ultralytics_detector import UltralyticsDetector
from scripts.bench.harmed_evaluations import draw, harm, thin
from scripts.demo import project, scenes

CONFIDENCES = (0.5, 0.8, 0.9, 0.95, 0.975, 0.99)
NOISE = 0.1  # share of detections harmed on both sides: two equally good copies still differ image by image
console = Console(highlight=False, width=160)


@dataclass(frozen=True, slots=True)
class GateCase:
    """A champion and a candidate on the pool."""

    name: str
    champion: Evaluation
    candidate: Evaluation

    @property
    def lead(self) -> float:
        """The true lead of the candidate: in mAP50-95, on the whole pool."""
        once = np.ones((1, len(self.champion.images)), np.float32)
        both = (average_classes(average_precisions(side, once))[0] for side in (self.candidate, self.champion))
        return float(next(both) - next(both))


def main() -> None:
    """Print the share of runs that were promoted, for each case and size of the held-out set."""
    options = _read_options()
    started = time.monotonic()
    first, older, newer = evaluate_pool((options.first, options.older, options.newer), options.pool)
    size = f"{len(newer.images)} composed scenes with {newer.metrics.boxes} boxes"
    console.print(f"pool of {size}, {options.runs} runs a cell, {options.resamples} resamples a run")
    for case in make_cases(first, older, newer):
        counted = {size: list(compare_draws(case, size, options)) for size in options.sizes}
        console.print(table(f"{case.name}: truly {case.lead:+.3f}", counted))
        turned = {size: [turn(comparison) for comparison in comparisons] for size, comparisons in counted.items()}
        console.print(table(f"the other way round: truly {-case.lead:+.3f}", turned))
    console.print(f"{time.monotonic() - started:.0f} s")


def evaluate_pool(weights: Sequence[Path], count: int) -> list[Evaluation]:
    """Evaluate detectors on a pool of *count* composed scenes."""
    known, _ = scenes.palettes()
    with tempfile.TemporaryDirectory() as scratch:
        composed = scenes.compose(known, count, seed=77, prefix="pool")
        data = project.write_dataset(Path(scratch) / "pool", sorted(scenes.CLASSES), composed)
        return [evaluate(UltralyticsDetector(path, image_size=160), data) for path in weights]


def make_cases(first: Evaluation, older: Evaluation, newer: Evaluation) -> Iterator[GateCase]:
    """Make the cases: real versions, small differences, no difference, and a harmed class."""
    yield GateCase("a first version, beside weights that know no class", first.without_detections(), first)
    for kept in (0.05, 0.1, 0.2):
        few = thin(newer, kept, seed=6)
        yield GateCase(
            f"twice as many found as by one that finds {kept:.0%} as much", few, thin(newer, 2 * kept, seed=7)
        )
    yield GateCase("a real newer version", older, newer)
    base = harm(newer, NOISE, seed=1)
    for rate in (0.02, 0.05, 0.1):
        yield GateCase(f"{rate:.0%} fewer detections harmed", harm(newer, NOISE + rate, seed=2), base)
    yield GateCase("as good, with other mistakes", harm(newer, NOISE, seed=3), base)
    weaker = harm(older, 0.15, seed=5)
    for share, name in ((1.0, "Cattle"), (0.5, "Fruit")):
        lost = harm(newer, share, seed=4, of_class=newer.class_names.index(name))
        yield GateCase(f"a real newer version with {share:.0%} of the class {name} harmed", weaker, lost)


def compare_draws(case: GateCase, size: int, options: argparse.Namespace) -> Iterator[Comparison]:
    """Compare on held-out sets drawn from the pool."""
    rng = np.random.default_rng(size)
    for number in range(options.runs):
        images = rng.integers(0, len(case.champion.images), size)
        sides = draw(case.champion, images), draw(case.candidate, images)
        yield contrast(*sides, resamples=options.resamples, seed=number)


def turn(comparison: Comparison) -> Comparison:
    """Return the comparison with candidate and champion exchanged."""

    def other(change: MetricChange) -> MetricChange:
        return MetricChange(change.candidate, change.champion, -change.high, -change.low, 1 - change.better)

    return replace(
        comparison,
        champion=comparison.candidate,
        candidate=comparison.champion,
        overall=other(comparison.overall),
        classes=tuple(replace(part, change=other(part.change)) for part in comparison.classes),
    )


def table(title: str, counted: dict[int, list[Comparison]]) -> Table:
    """Return the share promoted with its 95% interval, one row per size; then the share at other confidences."""
    shown = Table("images", "boxes", "promoted", "refused", "held", *map(str, CONFIDENCES), title=title, box=None)
    ready = replace(GatePolicy(), least_images=0, least_boxes=0)
    for size, comparisons in counted.items():
        outcomes = Counter(rule(comparison, GatePolicy()).outcome for comparison in comparisons)
        boxes = sum(comparison.candidate.boxes for comparison in comparisons) / len(comparisons)
        others = [replace(ready, confidence=confidence) for confidence in CONFIDENCES]
        shares = [
            sum(rule(comparison, policy).outcome is GateOutcome.PROMOTED for comparison in comparisons)
            / len(comparisons)
            for policy in others
        ]
        cells = [_share(outcomes[outcome], len(comparisons)) for outcome in GateOutcome]
        shown.add_row(str(size), f"{boxes:.0f}", *cells, *(f"{share:.1%}" for share in shares))
    return shown


def _share(count: int, total: int) -> str:
    interval = wilson(count, total)
    return f"{count / total:.1%} ({interval.low:.1%} to {interval.high:.1%})" if interval else "none"


def _read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts.bench.gate", description=__doc__)
    parser.add_argument("first", type=Path, help="weights of a weak first version")
    parser.add_argument("older", type=Path, help="weights of an older version")
    parser.add_argument("newer", type=Path, help="weights of a newer version with the same classes")
    parser.add_argument("--pool", type=int, default=2000, help="composed scenes that stand for the truth")
    parser.add_argument("--runs", type=int, default=200, help="held-out sets drawn per case and size")
    parser.add_argument("--resamples", type=int, default=400)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5, 7, 10, 16, 32, 64, 128, 256])
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
