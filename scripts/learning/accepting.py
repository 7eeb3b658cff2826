"""
Measure how often `loop accept` keeps its promise on the predictions of a trained version: `scripts.learning.accepting`.

A version is trained on reviewed images, as in a study of orders that reviews all of them at once. An annotator who
knows the truth reviews its predictions on more images, all of them audited. Then so many audits are drawn from these:
each decides which of the other images are accepted, whose wrong boxes are known.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from loop.rates.accept.evidence import AuditedImage
from loop.rates.accept.plan import measure
from loop.serving.refresh import refresh
from loop.training.after_reviews import review
from scripts.bench.accept import accept
from scripts.demo.scenes import WARM_START, Scene
from scripts.learning.data import DATA, StudyData, write_images
from scripts.learning.oracle import review_some
from scripts.learning.plan import FULL, RunPlan
from scripts.learning.project import StudyProject
from scripts.learning.replay import REAL, Lab, replay
from scripts.learning.studio import PROJECT

AUDITED = {"LOOP_AUDIT_SHARE": "1"}


def list_images(plan: RunPlan, more: int, start: Path = WARM_START, lab: Lab = REAL) -> list[AuditedImage]:
    """Train by a plan, and return *more* other images with what is predicted and wrong on them, as accept reads it."""
    found = list[AuditedImage]()

    def review_more(project: StudyProject, folder: Path) -> None:
        scenes = choose_others(lab.data[plan.data], plan, more)
        project.studio.add_tasks(write_images(folder, scenes))
        refresh(project.rooms.serving, PROJECT)
        review_some(project, dict(enumerate(scenes, start=plan.pool + 1)), more)
        review(project.rooms.trainings, PROJECT)
        found.extend(_read_audit(project))

    replay(plan, start, Lab(lab.data, lab.detectors, lab.prepare, {**lab.variables, **AUDITED}), then=review_more)
    return found


def choose_others(data: StudyData, plan: RunPlan, more: int) -> list[Scene]:
    """Return *more* images that are not in the pool of a plan, wherever a larger pool has those of a smaller one."""
    pool = {scene.name for scene in data.pool(plan.pool, plan.seed)}
    return [scene for scene in data.pool(plan.pool + more, plan.seed) if scene.name not in pool]


def _read_audit(project: StudyProject) -> list[AuditedImage]:
    reviews = project.rooms.reviews
    champion = project.rooms.registry.versions.champion(PROJECT)
    judged = reviews.verdicts.count_audited(PROJECT, champion.name) if champion else []
    by_id = {entry.id: entry for entry in reviews.predictions.with_ids([each.prediction_id for each in judged])}
    images = [
        AuditedImage(*measure(by_id[each.prediction_id]), wrong=each.wrong, judged=each.judged) for each in judged
    ]
    return [image for image in images if image.boxes]


def main(arguments: Sequence[str] | None = None, lab: Lab = REAL) -> None:
    """Print a row for each seed, size of the audit and error."""
    options = _read_options(arguments)
    columns = ("seed", "images", "wrong boxes", "audit", "error", "accept something", "more wrong boxes")
    table = Table(*columns, "images accepted", "wrong boxes of these", box=None)
    for seed in options.seeds:
        plan = RunPlan(options.data, FULL, seed, 1, options.pool, options.pool, 8, options.epochs, policy="default")
        images = list_images(plan, options.more, options.start, lab)
        wrong = sum(image.wrong for image in images) / sum(image.judged for image in images)
        for size in options.audits:
            for error in options.errors:
                row = (str(seed), str(len(images)), f"{wrong:.1%}", str(size), f"{error:g}")
                table.add_row(*row, *draw_audits(images, size, error, options.draws))
    Console(width=140).print(table)


def draw_audits(images: Sequence[AuditedImage], size: int, error: float, draws: int) -> tuple[str, str, str, str]:
    """Draw audits of about *size* images; return the shares that accept something, and too much, and the medians."""
    accepted = []
    for seed in range(draws):
        is_audit = np.random.default_rng([seed, size]).random(len(images)) < size / len(images)
        accepted += [each] if (each := accept(images, is_audit.tolist(), error)) else []
    shares = (len(accepted) / draws, sum(each.wrong > error for each in accepted) / draws)
    if not accepted:
        return f"{shares[0]:.0%}", f"{shares[1]:.1%}", "", ""
    taken, wrong = (float(np.median([getattr(each, name) for each in accepted])) for name in ("images", "wrong"))
    return f"{shares[0]:.0%}", f"{shares[1]:.1%}", f"{taken:.0%}", f"{wrong:.1%}"


def _read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="accepting", description=__doc__)
    parser.add_argument("--data", choices=sorted(DATA), default="composed")
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2])
    parser.add_argument("--pool", type=int, default=240, help="images that the version is trained on")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--more", type=int, default=1500, help="images that it predicts")
    parser.add_argument("--audits", type=lambda text: [int(part) for part in text.split(",")], default=[200, 400])
    errors = [0.05, 0.1, 0.2, 0.3]
    parser.add_argument("--errors", type=lambda text: [float(part) for part in text.split(",")], default=errors)
    parser.add_argument("--draws", type=int, default=200, help="audits of each size and error")
    parser.add_argument("--start", type=Path, default=WARM_START, help="weights that the training starts from")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
