"""Draws a map of the unknown, with a point per detection and a colour per cluster."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from loop.discovery.contact_sheet import data_uri
from loop.discovery.neighbour_graph import NOISE, Labels
from loop.page_template import fill

TEMPLATE = Path(__file__).with_name("map.html.j2")
COLOURS = (
    *("#4363d8", "#e6194b", "#3cb44b", "#f58231", "#911eb4", "#008080", "#9a6324", "#f032e6", "#808000", "#000075"),
    *("#800000", "#469990", "#bfa100", "#6a3d9a", "#1b9e77", "#d95f02", "#7570b3", "#e7298a", "#66a61e", "#e6ab02"),
)
GREY = "#b0b0b0"
POINTS = 20_000  # on a page
CROPS = 1500  # within a page
BYTES = 8_000_000  # of crops within a page

Points = NDArray[np.float32]  # (n, 2) in [0, 1], as `projection.coordinates` gives them


def map_png(points: Points, labels: Labels, names: Sequence[str]) -> bytes:
    """Draw the map as a PNG; *names* are the clusters', shown in a legend of at most twenty."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.02, 0.02, 0.74, 0.93))
    for cluster in (NOISE, *range(len(names))):
        is_member = labels == cluster
        if not is_member.any():
            continue
        name = "in no cluster" if cluster == NOISE else names[cluster]
        label = f"{name} ({int(is_member.sum())})".replace("$", r"\$") if cluster < len(COLOURS) else None
        axes.scatter(points[is_member, 0], points[is_member, 1], s=9, c=_colour(cluster), label=label, linewidths=0)
    axes.set(xticks=[], yticks=[], title=f"{len(labels)} unknown detections, {len(names)} clusters")
    if len(labels):
        figure.legend(loc="center right", fontsize=8, frameon=False)
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def map_page(
    points: Points, labels: Labels, names: Sequence[str], captions: Sequence[str], crops: Mapping[int, Image.Image]
) -> str:
    """
    Write the map as one HTML page that needs nothing else: hovering over a point shows its crop and caption.

    At most POINTS points are on it, clusters first, and crops for as many as CROPS and BYTES allow; it says how many
    are left out. Captions and names are foreign text and are escaped.
    """
    shown = np.concatenate([np.flatnonzero(labels != NOISE), np.flatnonzero(labels == NOISE)])[:POINTS]
    images: dict[int, str] = {}
    size = 0
    for at, row in enumerate(shown.tolist()):
        if row in crops and len(images) < CROPS and size < BYTES:
            images[at] = data_uri(crops[row])
            size += len(images[at])
    content = {
        "points": [[round(float(x), 4), round(float(y), 4)] for x, y in points[shown]],
        "labels": [int(label) for label in labels[shown]],
        "captions": [captions[row] for row in shown.tolist()],
        "names": list(names),
        "colours": [_colour(cluster) for cluster in range(len(names))],
        "grey": GREY,
        "images": images,
    }
    summary = f"{len(labels)} unknown detections, {len(names)} clusters"
    if len(shown) < len(labels) or len(images) < len(shown):
        summary += f"; {len(shown)} points shown, {len(images)} of them with their crop"
    return fill(TEMPLATE, summary=summary, content=content)


def _colour(cluster: int) -> str:
    return GREY if cluster == NOISE else COLOURS[cluster % len(COLOURS)]
