"""Two machines with a folder each, one PostgreSQL and one Milvus at an address: one embeds, the other searches."""

from contextlib import ExitStack, closing, contextmanager

import pytest
from PIL import Image

from loop.references.entries import CollectionKind
from loop.references.index import index
from loop.settings import Settings
from loop.wiring import build
from scripts.demo.label_studio import free_port
from tests.builders import CONFIG, region
from tests.fakes import FakeLabelStudio, FakeQueue
from tests.http_servers import serve_folder
from tests.references.builders import LEFT, RIGHT, count_vectors, environment, predicted, reviewed
from tests.references.integration.milvus import MilvusProcess
from tests.swap import swap

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def milvus(tmp_path):
    process = MilvusProcess(tmp_path / "milvus", free_port())
    process.start()
    yield process
    process.stop()


@pytest.fixture
def image(tmp_path):
    """The address of an image that is red on the left and blue on the right."""
    folder = tmp_path / "images"
    folder.mkdir()
    picture = Image.new("RGB", (320, 320), "red")
    picture.paste("blue", (160, 0, 320, 320))
    picture.save(folder / "a.png")
    with serve_folder(folder) as url:
        yield f"{url}/a.png"


@contextmanager
def machine(home, milvus, database):
    settings = Settings.read({**environment(home, milvus, "yolo:"), "LOOP_DATABASE_URL": database})
    with closing(build(settings, migrate=True)) as rooms:
        studio = FakeLabelStudio([{"id": 1}, {"id": 2}])
        yield swap(rooms, (rooms.queue, FakeQueue()), (rooms.studio.client, studio))


@pytest.fixture
def machines(tmp_path, milvus, database):
    with ExitStack() as stack:
        yield [stack.enter_context(machine(tmp_path / name, milvus, database)) for name in ("first", "second")]


def test_what_one_machine_embeds_the_other_finds_and_embeds_no_more(machines, image):
    first, second = machines
    first.studio.projects.save(1, "Cars", CONFIG)
    predicted(first, 1, image=image)
    reviewed(first, region("car", "Car", LEFT), region("person", "Person", RIGHT), task=1, image=image)
    made = index(first.references, 1).line

    again = index(second.references, 1).line
    predicted(second, 2, image=image)
    index(second.references, 1)

    assert (made.endswith("all there"), "0 vectors made" in again) == (True, True), (made, again)
    assert count_vectors(first) == count_vectors(second) == {CollectionKind.REFERENCES: 2, CollectionKind.DETECTIONS: 6}
    references, detections = (second.references.milvus.current(1, kind) for kind in CollectionKind)
    for entries, vectors in detections.pages():
        for entry, (nearest, *_) in zip(entries, references.search(vectors, 1), strict=True):
            assert nearest.entry.label == entry.label or entry.region.endswith("c")
