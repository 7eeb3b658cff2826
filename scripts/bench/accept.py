"""
Measure how often `loop accept` keeps its promise, on simulated projects whose wrong boxes are known.

`python -m scripts.bench.accept [PROJECTS]` plays so many projects of each kind, for each error. *Looks* is how often
the command is asked while the audit is reviewed; it accepts the first time that it can.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from loop.rates.accept.bound import choose
from loop.rates.accept.evidence import AuditedImage, SureImage

PROJECTS, ERRORS, LOOKS = 200, (0.02, 0.05, 0.1), 15
KINDS = {  # tasks, share of the audit, boxes an image; wrong boxes: at certainty 0, at 1; of images wrong as a whole
    "few boxes": (900, 0.4, 1.5, 0.1, 0.0, 0.5),
    "many boxes": (3000, 0.2, 5.0, 0.1, 0.002, 0.3),
    "wrong as a whole": (900, 0.4, 2.0, 0.05, 0.01, 1.0),
    "no order": (900, 0.4, 2.0, 0.0, 0.045, 0.2),
    "just above the error": (900, 0.5, 1.2, 0.0, 0.055, 0.0),
    "crowds are worse": (2000, 0.3, 4.0, 0.2, 0.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a project accepted: the share of wrong boxes, and the share of the open images."""

    wrong: float
    images: float


def play(kind: str, seed: int, error: float, looks: int = 1) -> Acceptance | None:
    """Return what a simulated project accepts, see `accept`."""
    tasks, share, boxes, base, floor, whole = KINDS[kind]
    rng = np.random.default_rng([seed, *kind.encode()])
    predicted = 1 + rng.poisson(rng.gamma(2.0, (boxes - 1.0) / 2.0, tasks))
    certainty = rng.beta(3, 1, tasks)
    chance = base * (1.0 - certainty) ** 2 + floor
    if kind == "crowds are worse":
        chance *= predicted / boxes
    chance = np.clip(chance, 0, 1)
    is_wrong, is_whole = rng.random(tasks) < chance, rng.random(tasks) < whole
    missed = np.where(is_whole, np.where(is_wrong, rng.poisson(1, tasks), 0), rng.poisson(chance * predicted / 3))
    wrong = missed + np.where(is_whole, np.where(is_wrong, predicted, 0), rng.binomial(predicted, chance))
    is_audit = rng.random(tasks) < share
    columns = (each.tolist() for each in (certainty, predicted, wrong, predicted + missed))
    return accept([AuditedImage(*image) for image in zip(*columns, strict=True)], is_audit.tolist(), error, looks)


def accept(images: Sequence[AuditedImage], is_audit: Sequence[bool], error: float, looks: int = 1) -> Acceptance | None:
    """
    Return what is accepted of the *images* that are not in the audit, whose wrong boxes are known here alone.

    The audit is reviewed in the order of the images. The first of some *looks* at it that accepts something decides;
    None where none does.
    """
    audited = [image for image, audit in zip(images, is_audit, strict=True) if audit]
    rest = [image for image, audit in zip(images, is_audit, strict=True) if not audit]
    predicted = [SureImage(image.certainty, image.boxes) for image in rest]
    for look in range(1, looks + 1):
        limit = choose(audited[: len(audited) * look // looks], predicted, error)
        if limit:
            accepted = [image for image in rest if limit.takes(image)]
            wrong, judged = (sum(getattr(image, name) for image in accepted) for name in ("wrong", "judged"))
            return Acceptance(wrong / judged, len(accepted) / len(rest))
    return None


def main() -> None:
    """Print a row for each kind, error and number of looks."""
    projects = int(sys.argv[1]) if len(sys.argv) > 1 else PROJECTS
    columns = ("projects", "error", "looks", "accept something", "more wrong boxes", "images accepted", "wrong boxes")
    table = Table(*columns, box=None)
    for kind in KINDS:
        for error, looks in (*((error, 1) for error in ERRORS), (0.05, LOOKS)):
            played = [play(kind, seed, error, looks) for seed in range(projects)]
            accepted = [each for each in played if each]
            broken = sum(each.wrong > error for each in accepted) / projects
            medians = _write_medians(accepted) if accepted else ("", "")
            shares = (f"{len(accepted) / projects:.1%}", f"{broken:.1%}", *medians)
            table.add_row(kind, f"{error:g}", str(looks), *shares)
            Console(width=140, stderr=True).print(kind, error, looks, *shares)
    Console(width=140).print(table)


def _write_medians(accepted: Sequence[Acceptance]) -> tuple[str, str]:
    images, wrong = ([getattr(each, name) for each in accepted] for name in ("images", "wrong"))
    return f"{np.median(images):.0%}", f"{np.median(wrong):.1%}"


if __name__ == "__main__":
    main()
