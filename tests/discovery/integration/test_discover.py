"""From boxes that nobody has a label for to a category: real images, real features, a real Milvus Lite."""

from collections import Counter

import pytest
from PIL import Image

from loop.discovery.decide import promote
from loop.discovery.discover import discover
from loop.references.entries import CollectionKind
from loop.references.index import build as build_references
from loop.references.plan import find_source
from loop.regions import Region
from loop.serving.store import LoggedPrediction
from loop.settings import Settings
from loop.wiring import build
from scripts.bench.discovery_features import NOVEL
from scripts.demo import scenes
from tests.builders import CONFIG, NOON
from tests.fakes import FakeLabelStudio, FakeQueue
from tests.http_servers import serve_folder
from tests.references.builders import accept, environment
from tests.swap import swap

pytestmark = pytest.mark.timeout(600)
REVIEWED, OPEN = 12, 24  # scenes
KNOWN = {label: scenes.CLASSES[label] for label in ("Bird", "Cattle", "Fruit")}
UNSEEN = {label: NOVEL[label] for label in ("Insect", "Roadsign")}


@pytest.fixture(scope="module")
def composed():
    """Scenes of known categories to be reviewed, and of known and unseen ones that stay open."""
    known, _ = scenes.palettes(classes=KNOWN)
    both, _ = scenes.palettes(classes={**KNOWN, **UNSEEN})
    return [
        *scenes.compose(known, REVIEWED, seed=3, prefix="reviewed"),
        *scenes.compose(both, OPEN, seed=4, prefix="open"),
    ]


@pytest.fixture
def images(tmp_path_factory, composed):
    """The address of a folder with the scenes as PNG."""
    folder = tmp_path_factory.mktemp("images")
    for scene in composed:
        scene.image.save(folder / f"{scene.name}.png")
    with serve_folder(folder) as url:
        yield url


@pytest.fixture
def rooms(tmp_path, milvus, composed, images):
    """The detector finds the known categories, and doubts that the unseen ones are anything."""
    settings = environment(tmp_path / "home", milvus, "efficientnet:")
    rooms = build(Settings.read(settings), migrate=True)
    rooms = swap(rooms, (rooms.queue, FakeQueue()), (rooms.studio.client, FakeLabelStudio()))
    config = CONFIG
    for old, new in (("Car", "Bird"), ("Person", "Cattle")):
        config = config.replace(f'"{old}"', f'"{new}"')
    rooms.studio.client.fields["label_config"] = config.replace(
        '    <Label value="Cattle"/>', '    <Label value="Cattle"/>\n    <Label value="Fruit"/>'
    )
    rooms.studio.projects.save(1, "Scenes", rooms.studio.client.fields["label_config"])
    for task, scene in enumerate(composed, start=1):
        address = f"{images}/{scene.name}.png"
        predict(rooms, task, address, scene.objects)
        if task <= REVIEWED:
            accept(
                rooms, task, address, [Region(f"{task}-{n}", at, name) for n, (name, at) in enumerate(scene.objects)]
            )
    yield rooms
    for kind in CollectionKind:
        rooms.references.milvus.drop(1, kind, find_source(rooms.references, 1).space)
    rooms.close()


def predict(rooms, task, image, objects):
    shown = tuple(Region(f"{task}-{n}", at, name, 0.9) for n, (name, at) in enumerate(objects) if name in KNOWN)
    held = tuple(Region(f"{task}-{n}", at, "Bird", 0.1) for n, (name, at) in enumerate(objects) if name not in KNOWN)
    prediction = LoggedPrediction(1, task, "yolo_detector@0.0.0", shown, held, 0.25, 0.5, "queue", 0.05, NOON, image)
    rooms.serving.predictions.append([prediction])


def truth(composed, member):
    """What a member shows."""
    return composed[member.task - 1].objects[int(member.region.split("-")[1])][0]


def test_a_category_that_nobody_labelled_is_found_named_once_and_known_from_then_on(rooms, composed):
    assert build_references(rooms.references, 1).line.endswith("all there")

    line = discover(rooms.discovery, 1)

    clusters = [record.cluster for record in rooms.discovery.clusters.all(1)]
    shown = {cluster.id: Counter(truth(composed, member) for member in cluster.members) for cluster in clusters}
    assert line.startswith(f"{len(clusters)} clusters"), line
    signs = max(clusters, key=lambda cluster: shown[cluster.id]["Roadsign"])
    assert shown[signs.id]["Roadsign"] >= max(10, 0.9 * signs.size), shown
    with Image.open(rooms.discovery.pictures.sheet_path(1, signs.id)) as sheet:
        assert sheet.width > 300

    promote(rooms.discovery, 1, signs.id, "Roadsign")
    assert build_references(rooms.references, 1).line.endswith("all there")

    named = {
        entry.region
        for entries, _ in rooms.references.milvus.current(1, CollectionKind.REFERENCES).pages()
        for entry in entries
        if (entry.label, entry.verdict) == ("Roadsign", "named")
    }
    assert named == {member.region for member in signs.members}
    again = discover(rooms.discovery, 1)
    left = [
        member
        for record in rooms.discovery.clusters.all(1)
        if record.state == "open"
        for member in record.cluster.members
    ]
    assert not named & {member.region for member in left}
    assert "match a node now" in again
