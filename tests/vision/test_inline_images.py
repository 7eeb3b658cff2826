"""Images that a task carries in itself, in a `data:` URI, from the request to the dataset."""

import base64
import hashlib
import json
import random

import numpy as np
import pytest
from PIL import Image

from loop.errors import ImageTooLarge, ImageUnreadable, UpstreamError
from loop.http_addresses import path_within
from loop.label_studio.payloads import Task
from loop.label_studio.tasks import StoredTask
from loop.registry.loaded_version import LoadedVersion
from loop.serving.pre_annotate import make_log_entries, suggest
from loop.storage.tables import events, predictions, reviews
from loop.training.after_reviews import review
from loop.vision.addresses import identify
from loop.vision.image_cache import ImageCache
from loop.vision.image_reader import read_pixels
from loop.vision.images import ImageLimits, Images
from tests.builders import created, ls_region, read_rows
from tests.fakes import FakeDetector
from tests.swap import swap
from tests.vision.image_samples import saved

NOISE = saved(Image.frombytes("RGB", (400, 300), random.Random(0).randbytes(360_000)), "PNG")
URI = f"data:image/png;base64,{base64.b64encode(NOISE).decode()}"


class Studio:
    """A Label Studio whose task 5 has *data*."""

    url = "http://studio.example"

    def __init__(self, data):
        self.data = data

    def authorization(self):
        return "Token secret"

    def own_path(self, address):
        return path_within(address, self.url)

    def task_data(self, task_id):
        if task_id != 5:
            raise UpstreamError(f"no task {task_id}", 404)
        return self.data


@pytest.fixture
def read():
    opened = []

    def reader(data=None, **limits):
        opened.append(Images(Studio(data) if data else None, ImageLimits(**limits)))
        return opened[-1]

    yield reader
    for images in opened:
        images.close()


def test_a_data_uri_is_read_without_anybody_being_asked(read):
    (pixels,) = read().map(lambda _, image: image, [Task(5, URI)])

    assert np.array_equal(pixels, read_pixels(NOISE, "image", 10**6))


def test_the_limits_hold_for_data_uris(read):
    with pytest.raises(ImageTooLarge, match="LOOP_IMAGE_BYTES"):
        read(bytes=10_000).fetch(URI, 5)
    (error,) = read(pixels=1000).map(lambda _, image: image, [Task(5, URI)])

    assert isinstance(error, ImageTooLarge)
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        pytest.param("data:image/png;base64,%%%" + "A" * 500, "not base64", id="no-base64"),
        pytest.param("data:image/png;base64", "comma", id="no-comma"),
        pytest.param("data:image/svg+xml,<svg xmlns=''/>", "SVG", id="svg"),
        pytest.param("data:text/html,<html>", "HTML", id="html"),
        pytest.param("data:,", "empty file", id="nothing"),
    ],
)
def test_a_data_uri_that_is_no_image_is_named_by_its_digest_and_what_it_is(read, uri, reason):
    (error,) = read().map(lambda _, image: image, [Task(5, uri)])

    assert isinstance(error, ImageUnreadable)
    assert reason in str(error)
    assert "sha256=" in str(error)


def test_an_image_whose_digest_is_known_is_had_from_its_task(read):
    assert read({"image": URI}).fetch(identify(URI), 5) == NOISE


@pytest.mark.parametrize(
    ("data", "task", "reason"),
    [
        pytest.param({"image": "data:image/png;base64,AAAA"}, 5, "another image by now", id="replaced"),
        pytest.param({"image": 3}, 5, "another image by now", id="no-text"),
        pytest.param({"image": URI}, 6, "cannot be asked for", id="gone"),
        pytest.param(None, 5, "another image by now", id="no-studio"),
    ],
)
def test_of_another_task_the_image_is_not_taken(read, data, task, reason):
    with pytest.raises(ImageUnreadable, match=reason):
        read(data).fetch(identify(URI), task)


def test_what_is_recorded_of_a_task_does_not_grow_with_its_image(rooms, read):
    rooms = swap(rooms, (rooms.vision.images, read({"image": URI})))
    config = rooms.studio.projects.get(1).config()
    task = {"id": 5, "data": {"image": URI}}
    (suggestion,) = suggest([StoredTask(task)], config, LoadedVersion("v@1.0.0", FakeDetector()), rooms.serving)
    rooms.serving.predictions.append(make_log_entries(rooms.serving, [suggestion], 1, execution="x"))
    event = created(ls_region("a"), annotation=1, task=5)

    rooms.reviews.events.append(1, event["action"], {**event, "task": task})
    review(rooms.trainings, 1)

    assert suggestion.error is None
    for table in (predictions, events, reviews):
        rows = read_rows(rooms, table)
        assert rows
        assert max(len(json.dumps(row._asdict(), default=str)) for row in rows) < 5000
    seen = rooms.serving.predictions.of_task(1, 5)[0].image
    assert rooms.reviews.store.find_counted(1)[5].image("image") == seen == identify(URI)


def test_the_dataset_has_the_image_of_a_data_uri(tmp_path, read):
    cache = ImageCache(tmp_path, read({"image": URI}))

    file = cache.find(1, 5, identify(URI))

    assert file.path.read_bytes() == NOISE
    assert cache.find(1, 5, identify(URI), with_hash=False).path == file.path


def test_an_image_cached_by_an_older_version_is_prepared_anew(tmp_path, read):
    clear = saved(Image.new("RGBA", (20, 20), (200, 0, 0, 0)), "PNG")
    cache = ImageCache(tmp_path, read())
    address = f"data:image/png;base64,{base64.b64encode(clear).decode()}"
    ready = cache.find(1, 5, address)
    key = ready.path.stem.split("-")[0]
    ready.path.unlink()
    old = ready.path.with_name(f"{key}-{hashlib.sha256(clear).hexdigest()[:16]}.png")
    old.write_bytes(clear)

    again = cache.find(1, 5, address, with_hash=False)

    assert (again.path, again.sha256) == (ready.path, ready.sha256)
    assert not old.exists()
    assert (read_pixels(again.path.read_bytes(), "image", 1000) == 255).all()
