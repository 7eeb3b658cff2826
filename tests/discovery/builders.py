"""A project in which the detector doubts insects and tools, for tests of what is unknown."""

from collections import Counter
from dataclasses import replace

from loop.discovery.cluster_store import ClusterState
from loop.discovery.clustering import ClusterPolicy
from loop.discovery.gather import gather
from loop.discovery.hints import Suggestion, cluster_id
from loop.discovery.tracking import UnknownCluster
from loop.references.entries import CollectionKind
from loop.references.index import index
from loop.references.plan import source_of
from loop.reviews.judging import judge_tasks
from loop.rooms import swap
from tests.builders import box, region, review, served
from tests.discovery.fakes import ROWS, RowEmbedders
from tests.fakes import FakeLabelStudio
from tests.references.fakes import FakeReferences

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


def predicted(rooms, task, *found, version="yolo_detector@1.0.0", minutes=-10):
    regions = [region(f"{task}-{n}", label, where, score) for n, (label, where, score) in enumerate(found)]
    one = served(task=task, image=f"/{task}.jpg", version=version, minutes=minutes)
    shown, held = ([one for one in regions if (one.score >= 0.25) is is_shown] for is_shown in (True, False))
    rooms.serving.predictions.append([replace(one, regions=tuple(shown), candidates=tuple(held))])


def reviewed(rooms, task, *drawn, edited=5, **fields):
    regions = [region(f"{task}-{n}", label, where) for n, (label, where) in enumerate(drawn)]
    one = review(*regions, annotation=task, task=task, edited=edited, **fields)
    rooms.reviews.store.record(one, {"image": f"/{task}.jpg"})
    judge_tasks(rooms.reviews, 1, [task])


def unknown_tasks(rooms):
    return sorted(one.task for one in gather(rooms.discovery, 1, source_of(rooms.references, 1).space).members)


def found(rooms, state=ClusterState.OPEN):
    return [one.found for one in rooms.discovery.clusters.all(1, state)]


def planted(rooms):
    """The same in the records alone, without clustering: for tests of what comes after."""
    clusters = []
    for tasks in (INSECTS, TOOLS):
        members = [
            one for one in gather(rooms.discovery, 1, source_of(rooms.references, 1).space).members if one.task in tasks
        ]
        name = cluster_id([one.key for one in members])
        clusters.append(UnknownCluster(name, tuple(members), (), 0.9, 0.9, Suggestion("car", 0.5, "", 0.0)))
    rooms.discovery.clusters.replace(1, clusters, {})
    return clusters


def tasks_of(cluster):
    return sorted(one.task for one in cluster.members)


def references(rooms):
    collection = rooms.references.milvus.find(1, CollectionKind.REFERENCES, source_of(rooms.references, 1).space)
    return Counter((entry.label, entry.verdict) for entry, _ in collection.rows.values())


def states(rooms):
    return Counter(str(one.state) for one in rooms.discovery.clusters.all(1))
