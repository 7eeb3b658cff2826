"""The command that measures how this machine detects fastest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from loop.cli.grid import Field, show_table
from loop.cli.messages import narrate
from loop.cli.options import open_rooms, optional_project, out
from loop.registry.loaded_version import EXPORTED, EXPORTED_8
from loop.settings import Settings

if TYPE_CHECKING:
    from loop.gate.tune import Tuned, Variant

app = typer.Typer()
MEANING = "images/s: with several images at once; one image: the wait for its boxes alone"


@app.command()
def tune(
    project: Annotated[int | None, optional_project("The project whose champion and images are used.")] = None,
) -> Annotated[object, "loop.gate.tune:Tuned"]:
    """
    Measure how this machine detects fastest, and record the choice for it.

    It runs the champion of a project, or the start weights, by torch and by
    its exports, with one image at a time and with several, for about a
    minute on two cores. The machine should do nothing else. The number of
    images at once counts for this kind of machine, from the next `loop up`
    on.
    """
    from loop.gate.tune import tune as measure

    rooms = open_rooms(project)
    with narrate("tune"):
        tuned = measure(rooms.gate, project, Settings.read().home)
    _show(tuned)
    return tuned


def _show(tuned: Tuned) -> None:
    images = f"{tuned.images} held-out images" if tuned.images else "made-up images"
    size = f"at {tuned.image_size} pixels" if tuned.image_size else "at the size of its training"
    out.print(f"{tuned.version} {size} on {tuned.machine}, {images}:")
    fields = (
        Field("runtime"),
        Field("at once", is_number=True),
        Field("threads", is_number=True),
        Field("images/s", is_number=True),
        Field("one image, ms", is_number=True),
        Field("memory, MB", rank=1, is_number=True),
        Field("problem", rank=2, folds=True),
    )
    show_table(out, fields, [_row(variant) for variant in tuned.variants], MEANING)
    for line in _list_advice(tuned):
        out.print(line)


def _row(variant: Variant) -> tuple[str, ...]:
    speed, tuning = variant.speed, variant.tuning
    figures = (f"{speed.images_s:.1f}", f"{speed.alone_ms:.0f}", f"{speed.memory_mb:.0f}") if speed else ("", "", "")
    return (variant.runtime, str(tuning.at_once), str(tuning.threads), *figures, variant.problem)


def _list_advice(tuned: Tuned) -> list[str]:
    """Say what follows from the figures."""
    if tuned.chosen is None:
        return ["nothing to choose: this machine serves trained weights (a GPU, or LOOP_EXPORT=none)"]
    tuning = tuned.chosen.tuning
    choice = f"{tuned.chosen.runtime}, images at once: {tuning.at_once}, threads: {tuning.threads}"
    lines = [f"chosen: {choice}, recorded in {tuned.file}; start `loop up` again on this machine"]
    best = {
        runtime: max(
            variant.speed.images_s for variant in tuned.variants if variant.runtime == runtime and variant.speed
        )
        for runtime in {variant.runtime for variant in tuned.variants if variant.speed}
    }
    if EXPORTED_8 in best and best[EXPORTED_8] <= best.get(EXPORTED, 0):
        lines.append("8 bits are no quicker here: LOOP_EXPORT=fp32 serves the next versions in 32")
    return lines
