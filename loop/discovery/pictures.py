"""Draws the result of a discovery: a contact sheet per cluster, and a map of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from loop.discovery import contact_sheet
from loop.discovery import map_page as cluster_map
from loop.discovery.gather import Unknown
from loop.discovery.neighbour_graph import NOISE, Labels
from loop.discovery.projection import coordinates
from loop.discovery.room import DiscoveryRoom
from loop.discovery.tracking import Member, UnknownCluster
from loop.errors import ImageError
from loop.label_studio.payloads import Task
from loop.storage.queries import chunked
from loop.vision.embedding import crop

AT_ONCE = 16  # images in memory at a time
MARGIN = 0.1  # of a box, on each side: the surroundings help a person to recognise an object


def draw(discovery: DiscoveryRoom, project_id: int, clusters: Sequence[UnknownCluster], unknown: Unknown) -> int:
    """
    Write the sheets and the map of a project; return the number of images that could not be read.

    The crops of such an image are left out. The map shows crops of clusters first, up to its limit.
    """
    labels = _labels(clusters, unknown.members)
    crops, broken = _crops(discovery, _wanted(clusters, unknown.members, labels))
    for cluster in clusters:
        shown = [crops[key] for key in (member.key for member in cluster.members) if key in crops]
        sheet = contact_sheet.contact_sheet(shown, f"cluster {cluster.id}, {said(cluster)}")
        discovery.pictures.keep_sheet(project_id, cluster.id, sheet)
    names = [f"{one.id} {one.suggestion.name}".strip() for one in clusters]
    points = coordinates(unknown.vectors)
    captions = [f"task {one.task}, {one.label or 'no label'} {one.score:.2f}" for one in unknown.members]
    pictures = {at: crops[one.key] for at, one in enumerate(unknown.members) if one.key in crops}
    page = cluster_map.map_page(points, labels, names, captions, pictures)
    discovery.pictures.keep_map(project_id, cluster_map.map_png(points, labels, names), page)
    return broken


def said(cluster: UnknownCluster) -> str:
    """Describe a cluster in a few words."""
    hint = cluster.suggestion
    name = f"perhaps {hint.name} ({hint.agreement:.0%})" if hint.name else "no label"
    near = f", nearest to {hint.nearest} ({hint.likeness:.2f})" if hint.nearest else ""
    return f"{name}{near}, stability {cluster.stability:.2f}"


def _labels(clusters: Sequence[UnknownCluster], members: Sequence[Member]) -> Labels:
    """The place among the clusters of each box."""
    place = {member.key: at for at, cluster in enumerate(clusters) for member in cluster.members}
    return np.array([place.get(member.key, NOISE) for member in members], np.intp)


def _wanted(clusters: Sequence[UnknownCluster], members: Sequence[Member], labels: Labels) -> list[Member]:
    """The boxes whose crops are shown: on the sheets first, then on the map."""
    on_sheets = [member for cluster in clusters for member in cluster.members[: contact_sheet.MOST]]
    inside = [member for cluster in clusters for member in cluster.members]
    outside = [member for member, label in zip(members, labels, strict=True) if label == NOISE]
    on_map = [*inside, *outside][: cluster_map.CROPS]
    return list({member.key: member for member in (*on_sheets, *on_map)}.values())


def _crops(discovery: DiscoveryRoom, wanted: Sequence[Member]) -> tuple[Mapping[str, Image.Image], int]:
    """Small pictures of boxes by key, and the number of images that could not be read."""
    by_image: dict[tuple[int, str], list[Member]] = {}
    for member in wanted:
        by_image.setdefault((member.task, member.image), []).append(member)
    crops: dict[str, Image.Image] = {}
    broken = 0
    for batch in chunked(by_image, AT_ONCE):
        for at, pixels in zip(batch, discovery.vision.images.load([Task(*one) for one in batch]), strict=True):
            if isinstance(pixels, ImageError):
                broken += 1
                continue
            for member in by_image[at]:
                cut = Image.fromarray(np.ascontiguousarray(crop(pixels, member.box, MARGIN)[:, :, ::-1]))
                crops[member.key] = contact_sheet.thumbnail(cut, contact_sheet.TILE)
    return crops, broken
