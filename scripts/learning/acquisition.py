"""
Study the order of the queue: `python -m scripts.learning.acquisition --data composed --orders random,product`.

Each run, of one order and one seed, is a file named by its parameters. A run whose file exists is not run again, so a
stopped study goes on. `+spread` after an order spreads its queue over groups of similar images, `+pseudo`
trains on the surest open tasks too, as they are predicted. The order `full`
reviews all images before the first training, and gives the precision that the shares of the summary refer to; `flips`
shows first the images on which a version does not agree with itself after mirroring.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from loop.serving.queue_order import QueueOrder
from loop.storage.files import write_whole
from scripts.demo.label_studio import CACHE
from scripts.demo.scenes import WARM_START
from scripts.learning.data import DATA
from scripts.learning.page import FOLDER, publish
from scripts.learning.plan import FLIPS, FULL, PSEUDO, SPREAD, RoundResult, RunPlan, RunResult
from scripts.learning.replay import REAL, Lab, replay
from scripts.learning.study_policy import FORMER, StudyPolicy

ORDERS = ("random", "product", "per_box", "weak_classes", "least", "mean")
ALL = (FULL, FLIPS, *(order + how for how in ("", SPREAD, PSEUDO) for order in QueueOrder))


def main(arguments: Sequence[str] | None = None, lab: Lab = REAL) -> None:
    """Run what is missing of a study, and publish it."""
    options = _read_options(arguments)
    runs = [run_once(plan, options.runs, options.start, lab) for plan in list_plans(options)]
    publish("acquisition", options.data, runs, options.out, options.subject)


def list_plans(options: argparse.Namespace) -> Iterator[RunPlan]:
    """Yield the plans of a study: all orders of a seed before the next seed."""
    sizes = (options.rounds, options.size, options.pool, options.held_out, options.epochs)
    for seed, order in itertools.product(options.seeds, options.orders):
        rounds = (options.full_rounds, *sizes[1:]) if order == FULL else sizes
        yield RunPlan(options.data, order, seed, *rounds, name_start(options.start), options.policy)


def run_once(plan: RunPlan, folder: Path, start: Path, lab: Lab) -> RunResult:
    """Run a plan unless its file exists; return its result."""
    path = folder / f"{plan.name}.json"
    if not path.exists():
        print(plan.name, flush=True)
        write_whole(replay(plan, start, lab, _print).write().encode(), path)
    return RunResult.read(path.read_text())


def _print(result: RoundResult) -> None:
    seconds = ", ".join(f"{name} {seconds:.0f}" for name, seconds in result.took.items() if seconds >= 1)
    print(
        f"  {result.labelled} images, {result.boxes} boxes: mAP50-95 {result.map50_95:.3f} ({result.outcome}), "
        f"{result.edits_an_image:.1f} edits an image; {seconds} s",
        flush=True,
    )


def make_parser(study: str, description: str | None, *, data: str, epochs: int) -> argparse.ArgumentParser:
    """Return a parser of the options that all studies have, with its defaults of *data* and *epochs*."""
    parser = argparse.ArgumentParser(prog=study, description=description)
    parser.add_argument("--data", choices=sorted(DATA), default=data)
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 3])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--size", type=int, default=30, help="images reviewed in a round")
    parser.add_argument("--held-out", type=int, default=120, help="images that each version is measured on")
    parser.add_argument("--epochs", type=int, default=epochs, help="of each training")
    parser.add_argument("--start", type=Path, default=WARM_START, help="weights that the first training starts from")
    parser.add_argument("--runs", type=Path, default=CACHE / "learning", help="folder of the finished runs")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of what is published")
    parser.add_argument("--subject", default="", help="a word that tells it from a study of the same size")
    return parser


def read_policy(text: str) -> str:
    """Check the text of a policy, and return it. Raises ArgumentTypeError."""
    try:
        StudyPolicy.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def name_start(start: Path) -> str:
    """Return the name of start weights in a plan."""
    return "warm" if start == WARM_START else start.stem


def _read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser("acquisition", __doc__, data="composed", epochs=12)
    parser.add_argument("--orders", type=_read_orders, default=ORDERS, help=f"of {', '.join(ALL)}")
    parser.add_argument("--full-rounds", type=int, default=2, help="trainings of the order full")
    parser.add_argument("--pool", type=int, default=240, help="images that may be reviewed")
    parser.add_argument("--policy", type=read_policy, help=f"of all trainings, such as default; empty: {FORMER}")
    return parser.parse_args(arguments)


def _read_orders(text: str) -> list[str]:
    orders = text.split(",")
    unknown = [order for order in orders if order not in ALL]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: expected {', '.join(ALL)}")
    return orders


if __name__ == "__main__":
    main()
