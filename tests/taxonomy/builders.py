"""A taxonomy, label configs with a control for it, and a project with references of two labels."""

from dataclasses import replace

from loop.references.entries import Kind
from loop.references.index import index
from loop.references.plan import source_of
from loop.taxonomy.match import of_tasks
from loop.taxonomy.taxonomy import Enrichment, Node, Taxonomy
from tests.builders import CONFIG, region
from tests.fakes import FakeImages, FakeLabelStudio
from tests.references.builders import LEFT, RIGHT, predicted, reviewed
from tests.references.fakes import FakeReferences
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


def matching(parts):
    """The parts with vectors and references in memory."""
    found = replace(
        parts,
        embedders=FakeEmbedders(),
        references=FakeReferences(),
        label_studio=FakeLabelStudio([]),
        images=FakeImages(),
    )
    found.projects.save(1, "Cars", CONFIG)
    return found


def with_references(parts):
    """Task 1 was reviewed as predicted; task 2 shows the same places, of which one has the other label."""
    predicted(parts, 1)
    reviewed(parts, region("1l", "Car", LEFT), region("1r", "Person", RIGHT))
    predicted(parts, 2, tag="b", image="/data/upload/1/b.jpg")
    index(parts, 1)


def nodes(parts, *tasks):
    source = source_of(parts, 1)
    found = of_tasks(parts, 1, source.space, tasks)
    return {region_id: one.node for some in found.values() for region_id, one in some.items()}


def placed(parts, kind=Kind.DETECTIONS):
    found = parts.references.find(1, kind, source_of(parts, 1).space)
    return {entry.region: entry.node for entry, _ in found.rows.values()}


def everything(parts):
    space = source_of(parts, 1).space
    return parts.matches.of_keys(1, space, parts.references.find(1, Kind.DETECTIONS, space).rows)


def config(*controls):
    return f"""<View><Image name="image" value="$image"/><Image name="other" value="$other"/>
    <RectangleLabels name="label" toName="image"><Label value="Aves"/></RectangleLabels>{"".join(controls)}</View>"""
