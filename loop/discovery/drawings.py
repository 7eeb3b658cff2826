"""Draws contact sheets of clusters, and the map of the unknown: a point per detection, a colour per cluster."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from loop.discovery.clustering import reduce_dimensions
from loop.discovery.neighbour_graph import NOISE, Labels, Vectors, find_nearest
from loop.discovery.tracking import Member, UnknownCluster

TILE, GAP, TITLE = 96, 4, 22  # pixels
MOST_ON_SHEET = 60  # crops
COLOURS = (
    *("#4363d8", "#e6194b", "#3cb44b", "#f58231", "#911eb4", "#008080", "#9a6324", "#f032e6", "#808000", "#000075"),
    *("#800000", "#469990", "#bfa100", "#6a3d9a", "#1b9e77", "#d95f02", "#7570b3", "#e7298a", "#66a61e", "#e6ab02"),
)
GREY = "#b0b0b0"
LANDMARKS = 5000  # vectors that t-SNE lays out; it takes minutes for more
NEAREST = 5  # landmarks among which another vector is placed
DIMENSIONS = 50  # principal components that t-SNE reads

Points = NDArray[np.float32]  # (n, 2) in [0, 1]


def draw_contact_sheet(crops: Sequence[Image.Image], title: str, *, columns: int = 10) -> Image.Image:
    """
    Lay out the first MOST_ON_SHEET crops in rows, each whole within its tile, under a title.

    The medoid comes first and has a frame.
    """
    shown = crops[:MOST_ON_SHEET]
    columns = max(1, min(columns, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    step = TILE + GAP
    sheet = Image.new("RGB", (max(320, columns * step + GAP), TITLE + rows * step + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, GAP), title, fill="black")
    for place, crop in enumerate(shown):
        tile = fit_crop(crop, TILE)
        left, top = GAP + place % columns * step, TITLE + place // columns * step
        sheet.paste(tile, (left + (TILE - tile.width) // 2, top + (TILE - tile.height) // 2))
        if place == 0:
            draw.rectangle((left - 2, top - 2, left + TILE + 1, top + TILE + 1), outline="#e6194b", width=2)
    return sheet


def fit_crop(crop: Image.Image, side: int) -> Image.Image:
    """Scale a crop, up or down, to fit a square; at least one pixel wide and high."""
    scale = side / max(crop.size)
    size = (max(1, round(crop.width * scale)), max(1, round(crop.height * scale)))
    return crop.convert("RGB").resize(size)


def lay_out(vectors: Vectors, *, seed: int = 0, landmarks: int = LANDMARKS) -> Points:
    """
    Lay out vectors (n, dimension) as points (n, 2) in [0, 1]; the same vectors and seed give the same points.

    t-SNE keeps neighbours together; distances between groups mean little. It lays out at most *landmarks* vectors,
    drawn at random; all others are placed among the landmarks nearest to them. Fewer than 10 vectors are laid out by
    two principal components. openTSNE is 1.4 times as fast, but has no wheel for Linux on ARM.
    """
    if len(vectors) < 3:
        return np.linspace(0.25, 0.75, 2 * len(vectors), dtype=np.float32).reshape(-1, 2)
    components = reduce_dimensions(vectors, DIMENSIONS)
    if len(vectors) < 10:
        from sklearn.decomposition import PCA

        plane = PCA(2, random_state=seed).fit_transform(components)
    else:
        from sklearn.manifold import TSNE

        rows = np.sort(np.random.default_rng(seed).permutation(len(components))[:landmarks])
        drawn = components[rows]
        if not np.ptp(drawn, axis=0).any():  # all are equal: t-SNE would end the process
            return np.full((len(vectors), 2), 0.5, np.float32)
        plane = TSNE(perplexity=min(30.0, len(rows) / 4), init="pca", random_state=seed).fit_transform(drawn)
        if len(rows) < len(components):
            places = _place(components, drawn, plane)
            places[rows] = plane
            plane = places
    low, high = plane.min(axis=0), plane.max(axis=0)
    scaled: NDArray[np.float32] = ((plane - low) / np.maximum(high - low, 1e-12)).astype(np.float32)
    return scaled


def _place(vectors: Vectors, landmarks: Vectors, plane: Points) -> Points:
    """Place each vector at the mean of the points of the landmarks nearest to it, weighted by their cosines."""
    cosines, near = find_nearest(landmarks, vectors, NEAREST)
    weights = np.maximum(cosines, 1e-6)[:, :, None]
    places: Points = (plane[near] * weights).sum(axis=1) / weights.sum(axis=1)
    return places


def draw_map(points: Points, labels: Labels, names: Sequence[str]) -> bytes:
    """Draw the map as a PNG. A legend shows the *names* of at most twenty clusters."""
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


def write_points(
    points: Points, labels: Labels, clusters: Sequence[UnknownCluster], members: Sequence[Member]
) -> bytes:
    """
    Return the map as JSON: a column for each fact of the boxes, one place for each box.

    `cluster` is a place in `clusters`, NOISE for a box in none; `label` is a place in `labels`.
    """
    names = sorted({member.label for member in members})
    place = {name: at for at, name in enumerate(names)}
    content = {
        "clusters": [cluster.id for cluster in clusters],
        "labels": names,
        "x": [round(float(x), 4) for x in points[:, 0]],
        "y": [round(float(y), 4) for y in points[:, 1]],
        "cluster": [int(label) for label in labels],
        "label": [place[member.label] for member in members],
        "score": [round(member.score, 2) for member in members],
        "task": [member.task for member in members],
        "region": [member.region for member in members],
    }
    return json.dumps(content, separators=(",", ":")).encode()


def _colour(cluster: int) -> str:
    return GREY if cluster == NOISE else COLOURS[cluster % len(COLOURS)]
