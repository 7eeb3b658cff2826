"""Clusters with hostile names in the records of project 5."""

import numpy as np
from PIL import Image

from loop.discovery.drawings import draw_contact_sheet, write_points
from loop.discovery.tracking import Member, NameHint, UnknownCluster
from tests.backend.dashboard.builders import HOSTILE, PROJECT
from tests.builders import box
from tests.fakes import FakeLabelStudio
from tests.swap import swap

ONE, TWO = "aaaa1111", "bbbb2222"


def member(number, label=HOSTILE):
    region = f"r{number}/{HOSTILE}" if number % 2 else f"q{number % 12 + 1}"
    place = box(0.1, 0.1, 0.3, 0.3 + number / 1000)
    return Member(f"k{number}", f"c{number}", number % 12 + 1, "/i.jpg", place, region, label, 0.1)


def cluster(name, numbers, likely=()):
    members = tuple(member(number) for number in numbers)
    hint = NameHint(HOSTILE, 0.83, HOSTILE, 0.5)
    return UnknownCluster(name, members, tuple(member(number) for number in likely), 0.9, 0.62, hint)


def with_clusters(app):
    """Two open clusters with a map; the second has no picture any more."""
    rooms = app.extensions["rooms"]
    studio = FakeLabelStudio()
    studio.fields["label_config"] = rooms.studio.projects.get(PROJECT).label_config
    rooms = swap(rooms, (rooms.studio.client, studio))
    app.extensions["rooms"] = rooms
    clusters = [cluster(ONE, range(70), likely=range(200, 205)), cluster(TWO, range(100, 108))]
    rooms.discovery.clusters.replace(PROJECT, clusters, {})
    sheet = draw_contact_sheet([Image.new("RGB", (40, 30), "teal")] * 20, "cluster")
    rooms.discovery.pictures.write_sheet(PROJECT, ONE, sheet)
    write_map(rooms, clusters, [member(number) for number in range(300, 340)])
    return rooms


def write_map(rooms, clusters, others):
    members = [*(each for one in clusters for each in one.members), *others]
    places = [at for at, one in enumerate(clusters) for _ in one.members] + [-1] * len(others)
    points = np.random.default_rng(0).random((len(members), 2), np.float32)
    content = write_points(points, np.array(places), clusters, members)
    rooms.discovery.pictures.write_map(PROJECT, b"", content)
