"""Annotators beside each other and beside known answers, as cells and as JSON."""

from __future__ import annotations

from loop.cli.curves.rates_over_time import estimate_json, estimate_text, plain_json
from loop.rates.annotators.agreement import AnnotatorFigures

COMPARISONS = ("right on known answers", "agrees with others")
COMPARED = (
    "right, agrees: the share of the boxes of both that fit, with the 95% interval; `loop disagreements` lists tasks"
)


def compared_cells(figures: AnnotatorFigures | None) -> tuple[str, str]:
    """Return the cells of COMPARISONS."""
    right = estimate_text(figures.right, "tasks") if figures and figures.known_tasks else "none"
    return right, estimate_text(figures.agreed, "tasks") if figures and figures.shared_tasks else "none"


def compared_json(figures: AnnotatorFigures) -> dict[str, object]:
    """Return the figures of an annotator as plain JSON."""
    known = {"tasks": figures.known_tasks, "right": estimate_json(figures.right), **plain_json(figures.known)}
    return {"known": known, "agreement": {"tasks": figures.shared_tasks, "share": estimate_json(figures.agreed)}}
