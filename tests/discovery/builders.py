"""A project in which the detector doubts insects and tools, for tests of what is unknown."""

from collections import Counter
from dataclasses import replace

import numpy as np

from loop.discovery.cluster_policy import ClusterPolicy
from loop.discovery.cluster_record import ClusterState
from loop.discovery.decide import promote
from loop.discovery.gather import gather
from loop.discovery.hints import make_cluster_id
from loop.discovery.neighbour_graph import NOISE
from loop.discovery.tracking import NameHint, UnknownCluster
from loop.label_studio.label_config import parse
from loop.references.entries import CollectionKind
from loop.references.index import index
from loop.references.plan import find_source
from loop.reviews.judging import judge_tasks
from loop.storage.audit import AuditTrail
from tests.builders import box, region, review, served
from tests.discovery.fakes import ROWS, RowEmbedders
from tests.fakes import FakeLabelStudio
from tests.references.fakes import FakeReferences
from tests.swap import swap

INSECTS, TOOLS = list(range(11, 21)), list(range(21, 29))
POLICY = ClusterPolicy(resamples=3)


def looking(rooms):
    """Ten tasks with a reviewed car; on others the detector doubts what it sees: ten insects, eight tools."""
    rooms = swap(
        rooms,
        (rooms.vision.embedders, RowEmbedders()),
        (rooms.references.milvus, FakeReferences()),
        (rooms.studio.client, FakeLabelStudio()),
    )
    for task in range(1, 11):
        predicted(rooms, task, ("Car", at("car", task), 0.9))
        reviewed(rooms, task, ("Car", at("car", task)))
    for task in range(11, 21):
        predicted(rooms, task, ("Person", at("insect", task), 0.1))
    for task in range(21, 29):
        predicted(rooms, task, ("Car", at("tool", task), 0.3))
    index(rooms.references, 1)
    return rooms


def at(what, task, move=0.0):
    left = 0.1 + 0.02 * (task % 20) + move
    return box(left, ROWS[what], left + 0.2, ROWS[what] + 0.2)


def predicted(rooms, task, *boxes, version="yolo_detector@1.0.0", minutes=-10):
    regions = [region(f"{task}-{n}", label, where, score) for n, (label, where, score) in enumerate(boxes)]
    prediction = served(task=task, image=f"/{task}.jpg", version=version, minutes=minutes)
    shown, held_back = ([box for box in regions if (box.score >= 0.25) is is_shown] for is_shown in (True, False))
    rooms.serving.predictions.append([replace(prediction, regions=tuple(shown), candidates=tuple(held_back))])


def reviewed(rooms, task, *drawn, edited=5, **fields):
    regions = [region(f"{task}-{n}", label, where) for n, (label, where) in enumerate(drawn)]
    annotated = review(*regions, annotation=task, task=task, edited=edited, **fields)
    rooms.reviews.store.record(annotated, {"image": f"/{task}.jpg"})
    judge_tasks(rooms.reviews, 1, [task])


def unknown_members(rooms):
    return gather(rooms.discovery, 1, find_source(rooms.references, 1).space).members


def unknown_tasks(rooms):
    return sorted(member.task for member in unknown_members(rooms))


def clusters_in(rooms, state=ClusterState.OPEN):
    return [record.cluster for record in rooms.discovery.clusters.all(1, state)]


def planted(rooms):
    """The same in the records alone, without clustering: for tests of what comes after."""
    clusters = []
    for tasks in (INSECTS, TOOLS):
        members = [
            member
            for member in gather(rooms.discovery, 1, find_source(rooms.references, 1).space).members
            if member.task in tasks
        ]
        name = make_cluster_id([member.key for member in members])
        clusters.append(UnknownCluster(name, tuple(members), (), 0.9, 0.9, NameHint("car", 0.5, "", 0.0)))
    rooms.discovery.clusters.replace(1, clusters, {})
    return clusters


def tasks_of(cluster):
    return sorted(member.task for member in cluster.members)


def references(rooms):
    collection = rooms.references.milvus.find(1, CollectionKind.REFERENCES, find_source(rooms.references, 1).space)
    return Counter((entry.label, entry.verdict) for entry, _ in collection.rows.values())


def states(rooms):
    return Counter(str(record.state) for record in rooms.discovery.clusters.all(1))


def groups(sizes, *, noise=0, spread=0.6, dimension=32, seed=0):
    """Vectors around a centre a group, and noise; returns them with the group of each."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(len(sizes), dimension))
    truth = np.repeat([*range(len(sizes)), NOISE], [*sizes, noise])
    vectors = np.where(truth[:, None] < 0, 0, centres[truth]) + rng.normal(size=(len(truth), dimension)) * np.where(
        truth[:, None] < 0, 1.0, spread
    )
    order = rng.permutation(len(truth))
    return vectors[order].astype(np.float32), truth[order]


def promoted(rooms, name="Insect", parent=None):
    """The two clusters, after the insects got a name."""
    insects, tools = planted(rooms)
    promote(rooms.discovery, 1, insects.id, name, parent)
    index(rooms.references, 1)
    return insects, tools


def labels(rooms):
    return parse(rooms.studio.client.fields["label_config"]).label_names


def nodes(rooms):
    return [node.id for node in rooms.taxonomies.store.current(1).nodes]


def trail(rooms, kind="cluster"):
    return [entry for entry in AuditTrail(rooms.engine).read(1) if entry.kind == kind]
