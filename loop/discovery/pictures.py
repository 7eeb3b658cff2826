"""Draws the result of a discovery: a contact sheet per cluster, and a map of all clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from loop.discovery.drawings import (
    MOST_ON_SHEET,
    TILE,
    draw_contact_sheet,
    draw_map,
    fit_crop,
    lay_out,
    write_points,
)
from loop.discovery.gather import UnknownBoxes
from loop.discovery.neighbour_graph import NOISE, Labels
from loop.discovery.room import DiscoveryRoom
from loop.discovery.tracking import Member, UnknownCluster
from loop.errors import ImageError
from loop.label_studio.payloads import Task
from loop.regions import Pixels
from loop.vision.embedding import crop

MARGIN = 0.1  # of a box, on each side: the surroundings help a person to recognise an object


def draw(discovery: DiscoveryRoom, project_id: int, clusters: Sequence[UnknownCluster], unknown: UnknownBoxes) -> int:
    """
    Write the sheets and the map of a project; return the number of images that could not be read.

    The crops of such an image are left out.
    """
    labels = _assign_labels(clusters, unknown.members)
    crops, broken = _cut_crops(discovery, [member for each in clusters for member in each.members[:MOST_ON_SHEET]])
    for cluster in clusters:
        shown = [crops[member.key] for member in cluster.members if member.key in crops]
        count = f"{cluster.size} boxes" if len(shown) == cluster.size else f"{len(shown)} of {cluster.size} boxes"
        sheet = draw_contact_sheet(shown, f"cluster {cluster.id}, {describe(cluster)}: {count}")
        discovery.pictures.write_sheet(project_id, cluster.id, sheet)
    names = [f"{cluster.id} {cluster.hint.name}".strip() for cluster in clusters]
    points = lay_out(unknown.vectors)
    content = write_points(points, labels, clusters, unknown.members)
    discovery.pictures.write_map(project_id, draw_map(points, labels, names), content)
    return broken


def describe(cluster: UnknownCluster) -> str:
    """Describe a cluster in a few words."""
    hint = cluster.hint
    name = f"perhaps {hint.name} ({hint.agreement:.0%})" if hint.name else "no label"
    near = f", nearest to {hint.nearest} ({hint.likeness:.2f})" if hint.nearest else ""
    return f"{name}{near}, stability {cluster.stability:.2f}"


def _assign_labels(clusters: Sequence[UnknownCluster], members: Sequence[Member]) -> Labels:
    """Return for each box the place of its cluster among the clusters."""
    place = {member.key: at for at, cluster in enumerate(clusters) for member in cluster.members}
    return np.array([place.get(member.key, NOISE) for member in members], np.intp)


def _cut_crops(discovery: DiscoveryRoom, members: Sequence[Member]) -> tuple[Mapping[str, Image.Image], int]:
    """Return small pictures of boxes by key, and the number of images that could not be read."""
    by_image: dict[tuple[int, str], list[Member]] = {}
    for member in members:
        by_image.setdefault((member.task, member.image), []).append(member)
    crops: dict[str, Image.Image] = {}

    def cut(task: Task, pixels: Pixels) -> None:
        for member in by_image[task.id, task.image]:
            part = Image.fromarray(np.ascontiguousarray(crop(pixels, member.box, MARGIN)[:, :, ::-1]))
            crops[member.key] = fit_crop(part, TILE)

    done = discovery.vision.images.map(cut, [Task(*place) for place in by_image])
    broken = sum(isinstance(result, ImageError) for result in done)
    return crops, broken
