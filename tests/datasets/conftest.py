"""Real records, and images from an HTTP server on this machine."""

from contextlib import closing

import pytest

from loop.errors import ImageUnreadable
from loop.settings import Settings
from loop.vision.image_files import prepare_file
from loop.wiring import build
from tests.builders import CONFIG, picture, region, review
from tests.datasets.builders import photo
from tests.fakes import FakeQueue
from tests.http_servers import serve_folder
from tests.swap import swap


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with serve_folder(folder) as url:
        yield folder, url


@pytest.fixture
def settings(tmp_path, records):
    return Settings.read(
        {
            "LOOP_HOME": str(tmp_path / "home"),
            "LABEL_STUDIO_API_KEY": "k",
            "LOOP_ALLOW_PRIVATE_ADDRESSES": "true",
            "LOOP_GROUP_FIELD": "day",
            "LOOP_EMBEDDER": "none",  # made-up pictures are all alike to one that knows photos
            **records,
        }
    )


@pytest.fixture
def rooms(settings):
    with closing(build(settings, migrate=True)) as built:
        for project in (1, 2):
            built.studio.projects.save(project, "Cars", CONFIG)
        yield swap(built, (built.queue, FakeQueue()))


@pytest.fixture
def reviewed(rooms, server):
    """Records a review of a task, whose picture is the one of that number unless another number is given."""
    folder, url = server

    def recorded(task, *regions, project=1, image=None, minutes=0, **data):
        name = image or f"{task}.jpg"
        if not (folder / name).exists() and name[0].isdigit():
            (folder / name).write_bytes(photo(name.split(".", 1)[0]))
        regions = (region(),) if not regions else [one for one in regions if one]
        made = review(*regions, annotation=1000 + task, task=task, project=project, minutes=minutes)
        rooms.reviews.store.record(made, {"image": f"{url}/{name}", **data})

    return recorded


@pytest.fixture
def folder(tmp_path):
    """A label config and the pictures of tasks 1 to 12."""
    (tmp_path / "images").mkdir()
    for task in range(1, 13):
        (tmp_path / "images" / f"{task}.jpg").write_bytes(picture())
    (tmp_path / "config.xml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def find(tmp_path):
    """Finds the picture of every task but number 9."""
    (tmp_path / "source").mkdir()

    def prepare(item):
        if item.task_id == 9:
            raise ImageUnreadable(item.image, "HTTP 404")
        path = tmp_path / "source" / f"{item.task_id}.jpg"
        if not path.exists():
            path.write_bytes(picture(colour=(item.task_id, 0, 0)))
        return prepare_file(path, item.image, 1_000_000, path.parent / "prepared")

    return prepare
