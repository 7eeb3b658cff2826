"""A taxonomy, label configs with a control for it, and a project with references of two labels."""

import numpy as np

from loop.references.entries import CollectionKind
from loop.references.index import index
from loop.references.plan import find_source
from loop.taxonomy.recorded_matches import find_task_matches
from loop.taxonomy.taxonomy import Enrichment, Node, Taxonomy
from loop.taxonomy.voting import NOBODY, Neighbours
from tests.builders import CONFIG, region
from tests.fakes import FakeImages, FakeLabelStudio
from tests.references.builders import LEFT, RIGHT, predicted, reviewed
from tests.references.fakes import FakeReferences
from tests.swap import swap
from tests.vision.fakes import FakeEmbedders

TREE = Taxonomy(
    (
        Node("thing"),
        Node("car", parent="thing", labels=("Car",), enrichment={"wheels": Enrichment("4")}),
        Node("person", parent="thing", labels=("Person",)),
    )
)
ANIMALS = Taxonomy(
    (
        Node("animal", "Animal"),
        Node("bird", "Bird", "animal", labels=("Aves",)),
        Node("owl", "", "bird"),
        Node("plant", "Plant"),
    )
)
TAXONOMY = """<Taxonomy name="category" toName="image" perRegion="true">
  <Choice value="ANIMAL"><Choice value="Aves" alias="av"><Choice value="Snowy"/></Choice></Choice>
</Taxonomy>"""
CHOICES = """<Choices name="kind" toName="image" perRegion="true">
  <View><Choice value="bird"/></View><Choice value="Plants" alias="plant"><Choice value="owl"/></Choice>
</Choices>"""


def matching(rooms):
    """The rooms with vectors and references in memory."""
    rooms = swap(
        rooms,
        (rooms.vision.embedders, FakeEmbedders()),
        (rooms.references.milvus, FakeReferences()),
        (rooms.studio.client, FakeLabelStudio([])),
        (rooms.vision.images, FakeImages()),
    )
    rooms.studio.projects.save(1, "Cars", CONFIG)
    return rooms


def with_references(rooms):
    """Task 1 was reviewed as predicted; task 2 shows the same places, of which one has the other label."""
    predicted(rooms, 1)
    reviewed(rooms, region("1l", "Car", LEFT), region("1r", "Person", RIGHT))
    predicted(rooms, 2, tag="b", image="/data/upload/1/b.jpg")
    index(rooms.references, 1)


def nodes(rooms, *tasks):
    source = find_source(rooms.references, 1)
    by_task = find_task_matches(rooms.taxonomies, 1, source.space, tasks)
    return {region_id: match.node for matches in by_task.values() for region_id, match in matches.items()}


def placed(rooms, kind=CollectionKind.DETECTIONS):
    collection = rooms.references.milvus.find(1, kind, find_source(rooms.references, 1).space)
    return {entry.region: entry.node for entry, _ in collection.rows.values()}


def everything(rooms):
    space = find_source(rooms.references, 1).space
    return rooms.taxonomies.matches.of_keys(
        1, space, rooms.references.milvus.find(1, CollectionKind.DETECTIONS, space).rows
    )


def config(*controls):
    return f"""<View><Image name="image" value="$image"/><Image name="other" value="$other"/>
    <RectangleLabels name="label" toName="image"><Label value="Aves"/></RectangleLabels>{"".join(controls)}</View>"""


FAUNA = Taxonomy(
    (
        Node("animal"),
        Node("bird", parent="animal", labels=("Bird",)),
        Node("fish", parent="animal", labels=("Fish",)),
        Node("tool", labels=("Tool",)),
    )
)
PLACES = {node.id: place for place, node in enumerate(FAUNA.nodes)}


def near(*queries):
    """Neighbours of each query, given as (node, score) pairs; a reference's id is its node and its place."""
    k = max(map(len, queries))
    padded = [[*query, *[(None, 0.0)] * (k - len(query))] for query in queries]
    return Neighbours(
        np.array(
            [["" if node is None else f"{node}-{place}" for place, (node, _) in enumerate(query)] for query in padded]
        ),
        np.array([[score for _, score in query] for query in padded], np.float32),
        np.array([[PLACES.get(node, NOBODY) for node, _ in query] for query in padded], np.intp),
    )
