"""
Study how trainings are run: `python -m scripts.learning.training --policies default,start=base,freeze=10+epochs=45`.

The images of a round arrive before it and all of them are reviewed, so every policy trains on the same images. A run,
of one policy and one seed, is a file named by its parameters; a run whose file exists is not run again.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence

from scripts.learning.acquisition import make_parser, name_start, read_policy, run_once
from scripts.learning.page import publish
from scripts.learning.plan import ARRIVAL, RunPlan
from scripts.learning.replay import REAL, Lab
from scripts.learning.study_policy import DEFAULT, FORMER, StudyPolicy

POLICIES = (DEFAULT, FORMER, "start=base", "freeze=10+epochs=30", "epochs=40")


def main(arguments: Sequence[str] | None = None, lab: Lab = REAL) -> None:
    """Run what is missing of a study, and publish it."""
    options = _read_options(arguments)
    runs = [run_once(plan, options.runs, options.start, lab) for plan in list_plans(options)]
    publish("training", options.data, runs, options.out, options.subject)


def list_plans(options: argparse.Namespace) -> Iterator[RunPlan]:
    """Yield the plans of a study: all policies of a seed before the next seed."""
    sizes = (options.rounds, options.size, options.rounds * options.size, options.held_out, options.epochs)
    for seed, policy in itertools.product(options.seeds, options.policies):
        yield RunPlan(options.data, ARRIVAL, seed, *sizes, name_start(options.start), policy)


def _read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser("training", __doc__, data="shifted", epochs=20)
    parser.add_argument("--policies", type=_read_policies, default=POLICIES, help=StudyPolicy.__doc__)
    return parser.parse_args(arguments)


def _read_policies(text: str) -> list[str]:
    return [read_policy(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
