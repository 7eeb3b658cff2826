"""The report at the end of the demo: the table, its picture, and scenes before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from loop.gate.evaluation import Metrics
from loop.rates.rates import Rates
from loop.regions import Detection
from scripts.demo.scenes import Scene


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round: the verdicts on the pre-annotations shown in it, and the version trained from it."""

    number: int
    version: str
    labelled: int
    metrics: Metrics
    rates: Rates

    @property
    def ready(self) -> str:
        """The share of all objects that needed no work."""
        rate = self.rates.ready_rate
        return "" if rate is None else f"{rate:.0%}"


def table(rows: Sequence[RoundRow], *, title: str) -> Table:
    """Return the rounds as a table for the terminal."""
    shown = Table(title=title, box=None, title_justify="left")
    counts = ("confirmed", "corrected", "false pos.", "missed", "ready")
    headings = ("round", "version", "labelled", "mAP50", "mAP50-95", *counts)
    for heading in headings:
        shown.add_column(heading, justify="left" if heading == "version" else "right", no_wrap=True)
    for row in rows:
        rates, metrics = row.rates, row.metrics
        verdicts = (rates.confirmed, rates.corrected, rates.false_positive, rates.missed, row.ready)
        measured = (f"{metrics.map50:.2f}", f"{metrics.map50_95:.2f}")
        shown.add_row(str(row.number), row.version, str(row.labelled), *measured, *map(str, verdicts))
    return shown


def plot(rows: Sequence[RoundRow], path: Path, *, title: str) -> None:
    """Draw mAP over labelled images, and the four verdicts of each round."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    labelled = [row.labelled for row in rows]
    left.plot(labelled, [row.metrics.map50 for row in rows], "o-", label="mAP50")
    left.plot(labelled, [row.metrics.map50_95 for row in rows], "s-", label="mAP50-95")
    left.set(xlabel="labelled images", ylabel="on scenes that no task shows", ylim=(0, 1))
    left.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.12), ncols=2)
    bottom = np.zeros(len(rows))
    verdicts = {"confirmed": "#3a923a", "corrected": "#e1a51b", "false_positive": "#c03d3e", "missed": "#7f7f7f"}
    for name, colour in verdicts.items():
        height = np.array([getattr(row.rates, name) for row in rows], float)
        right.bar([str(row.number) for row in rows], height, bottom=bottom, color=colour, label=name.replace("_", " "))
        bottom += height
    right.set(xlabel="round", ylabel="verdicts on pre-annotations")
    right.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.12), ncols=4)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def before_and_after(
    scenes: Sequence[Scene], versions: Sequence[tuple[str, Sequence[Sequence[Detection]]]], path: Path
) -> None:
    """Draw the detections of each version on the same scenes, one row per version."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(
        len(versions),
        len(scenes),
        figsize=(3.6 * len(scenes), 2.9 * len(versions)),
        squeeze=False,
        layout="constrained",
    )
    for row, (name, of_scenes) in zip(grid, versions, strict=True):
        for axes, scene, detections in zip(row, scenes, of_scenes, strict=True):
            axes.imshow(scene.image)
            axes.set(xticks=[], yticks=[])
            for detection in detections:
                _draw(axes, detection, scene.image.size)
        row[0].set_ylabel(name)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _draw(axes: object, detection: Detection, size: tuple[int, int]) -> None:
    from matplotlib.patches import Rectangle

    box, (width, height) = detection.box, size
    corner = (box.x0 * width, box.y0 * height)
    outline = Rectangle(
        corner, (box.x1 - box.x0) * width, (box.y1 - box.y0) * height, fill=False, color="yellow", linewidth=2
    )
    axes.add_patch(outline)  # type: ignore[attr-defined]
    caption = f"{detection.class_name} {detection.confidence:.2f}"
    axes.text(*corner, caption, fontsize=7, va="bottom", backgroundcolor="yellow")  # type: ignore[attr-defined]
