"""Publishes studies: figures as JSON and pictures, and docs/learning.md of them: `python -m scripts.learning.page`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.bench.figures import FOLDER as FIGURES
from scripts.bench.figures import machine
from scripts.learning.curves import Between
from scripts.learning.drawing import draw_curves
from scripts.learning.plan import FULL, RunPlan, RunResult
from scripts.learning.summary import AXES, SHARES, OrderSummary, summarise
from scripts.learning.training_summary import PolicySummary, summarise_policies

FOLDER = FIGURES / "learning"
PAGE = FIGURES.parent / "learning.md"
BEGIN, END = "<!-- studies: begin -->", "<!-- studies: end -->"


def publish(study: str, data: str, runs: Sequence[RunResult], folder: Path = FOLDER, subject: str = "") -> Path:
    """
    Write the runs of a study with their summary and the machine as JSON, and their picture; return the JSON.

    A *subject*, one word, tells it from another study of the same size on the same data.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name_study(study, data, runs, subject)}.json"
    content = {
        "study": study,
        "data": data,
        **({"subject": subject} if subject else {}),
        "machine": machine(),
        "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
        **_summarise(runs),
        "runs": [run.as_row() for run in runs],
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
    draw_curves(runs, path.with_suffix(".png"), title=f"{data}: {study}")
    return path


def name_study(study: str, data: str, runs: Sequence[RunResult], subject: str) -> str:
    """Return the name of the files of a study: those of another size, or on another subject, stand beside it."""
    plan = _find_loop(runs)
    return f"{study}-{data}-{plan.rounds}x{plan.size}" + (f"-{subject}" if subject else "")


def _find_loop(runs: Sequence[RunResult]) -> RunPlan:
    """Return the plan of a run by rounds, not of one that reviews all images at once."""
    return next((run.plan for run in runs if run.plan.order != FULL), runs[0].plan)


def _summarise(runs: Sequence[RunResult]) -> dict[str, list[dict[str, Any]]]:
    if runs[0].plan.is_of_trainings:
        return {"policies": [asdict(summary) for summary in summarise_policies(runs)]}
    return {"orders": [asdict(summary) for summary in summarise(runs)]}


def main(page: Path = PAGE, folder: Path = FOLDER) -> None:
    """Replace the part of the page between the marks by the studies in a folder."""
    studies = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    text = page.read_text()
    page.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: write_studies(studies), text, flags=re.DOTALL))


def write_studies(studies: Sequence[Mapping[str, Any]]) -> str:
    """Return the part of the page between the marks, with them."""
    parts = [BEGIN, ""]
    for study in studies:
        parts += [*_write_study(study), ""]
    if not studies:
        parts += ["No study was run yet.", ""]
    return "\n".join([*parts, END])


def _write_study(study: Mapping[str, Any]) -> Iterator[str]:
    runs = [RunResult.read(json.dumps(run)) for run in study["runs"]]
    plan, on, loop = runs[0].plan, study["machine"], _find_loop(runs)
    subject = study.get("subject", "")
    name = name_study(study["study"], study["data"], runs, subject)
    title = f"### {study['study'].capitalize()}, {study['data']}, {loop.rounds} rounds of {loop.size} images"
    yield title + (f": {subject}" if subject else "")
    yield ""
    compared = "policies" if plan.is_of_trainings else "orders"
    variants = ",".join(dict.fromkeys(run.plan.variant for run in runs))
    seeds = ",".join(map(str, dict.fromkeys(run.plan.seed for run in runs)))
    own = "" if plan.is_of_trainings else f" --pool {loop.pool}" + (f" --policy {plan.policy}" if plan.policy else "")
    sizes = f"--rounds {loop.rounds} --size {loop.size}{own} --held-out {loop.held_out} --epochs {loop.epochs}"
    sizes += f" --subject {subject}" if subject else ""
    yield (
        f"`python -m scripts.learning.{study['study']} --data {study['data']} --{compared} {variants} --seeds {seeds} "
        f"{sizes}`, {study['measured_at'][:10]}, {on['cores']} cores."
    )
    yield ""
    yield f"![Learning curves](figures/learning/{name}.png)"
    yield ""
    yield from _write_policies(summarise_policies(runs)) if plan.is_of_trainings else _write_table(summarise(runs))


def _write_table(orders: Sequence[OrderSummary]) -> Iterator[str]:
    shares = [f"images for {share:.0%} of the full mAP50-95" for share in SHARES]
    gains = [f"area less random's, by {axis}" for axis in AXES]
    columns = ["order", "seeds", "last mAP50-95", "area under the curve", *gains, *shares]
    columns += ["edits an image by round", "without suggestions"]
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    for order in orders:
        needed = [_write_needed(order, share) for share in SHARES]
        edits = ", ".join(f"{edits:.1f}" for edits in order.edits)
        gains = [order.gains[axis].text() if axis in order.gains else "" for axis in AXES]
        cells = [order.order, str(order.seeds), order.last.text(), order.areas["images"].text(), *gains, *needed, edits]
        yield f"| {' | '.join([*cells, f'{order.without:.1f}'])} |"


def _write_policies(policies: Sequence[PolicySummary]) -> Iterator[str]:
    columns = ["policy", "seeds", "last mAP50-95", "less the default's", "area under the curve", "less the default's"]
    columns += ["CPU seconds of trainings", "times the default's", "rulings of the gate"]
    has_earlier = any(policy.earlier for policy in policies)
    if has_earlier:
        columns += ["what came first: mAP50-95 by round", "last, less the default's"]
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    for policy in policies:
        cells = [policy.policy, str(policy.seeds), policy.last.text(), _write_gain(policy.last_gain)]
        cells += [policy.area.text(), _write_gain(policy.area_gain), policy.seconds.text(0)]
        cells += [_write_gain(policy.cost, 2), ", ".join(f"{count} {name}" for name, count in policy.outcomes.items())]
        if has_earlier:
            earlier = ", ".join(f"{each.mean:.3f}" for each in policy.earlier)
            cells += [earlier, _write_gain(policy.earlier_gain)]
        yield f"| {' | '.join(cells)} |"


def _write_gain(gain: Between | None, digits: int = 3) -> str:
    return gain.text(digits) if gain else ""


def _write_needed(order: OrderSummary, share: float) -> str:
    if share not in order.needed:
        return "not measured"
    needed, reached = order.needed[share]
    if needed is None:
        return "not reached"
    return needed.text(0) + (f", by {reached} of {order.seeds} seeds" if reached < order.seeds else "")


if __name__ == "__main__":
    main()
