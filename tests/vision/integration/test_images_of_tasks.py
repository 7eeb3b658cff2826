"""Images of every kind and address, on a real Label Studio: predicted, shown to the annotator, and in the dataset."""

import base64
from contextlib import closing
from urllib.parse import quote

import numpy as np
import pytest

from loop.datasets import assemble
from loop.serving.store_predictions import Batches
from loop.storage.tables import reviews
from loop.training.after_reviews import sync
from loop.vision.image_reader import read_pixels
from loop.wiring import build
from scripts.demo import project as projects
from tests.services import settings_of
from tests.vision import image_samples as samples

pytestmark = [
    pytest.mark.timeout(240),
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
REVIEW = {
    "type": "rectanglelabels",
    "from_name": "label",
    "to_name": "image",
    "original_width": 64,
    "original_height": 48,
    "value": {"x": 10, "y": 10, "width": 30, "height": 20, "rotation": 0, "rectanglelabels": ["Thing"]},
}


@pytest.fixture
def rooms(label_studio, tmp_path):
    with closing(build(settings_of(label_studio, tmp_path / "home", LOOP_RETRAIN_AFTER="1000"), migrate=True)) as built:
        yield built


@pytest.fixture
def addresses(local_files):
    """Each file in a `data:` URI, and each served from a folder, under a name that needs care."""
    files = samples.shown()
    address_of = {}
    (local_files / "storage").mkdir(exist_ok=True)
    for name, content in files.items():
        path = f"storage/a#1 & é {name}"
        (local_files / path).write_bytes(content)
        address_of[f"/data/local-files/?d={quote(path)}"] = content
    for name in ("exif-6.jpg", "deep-grey.png", "rgba.png", "plain.webp"):
        kind = name.rsplit(".", 1)[1].replace("jpg", "jpeg")
        address_of[f"data:image/{kind};base64,{base64.b64encode(files[name]).decode()}"] = files[name]
    return address_of


def test_images_of_every_kind_are_predicted_shown_and_in_the_dataset(
    api, label_studio, local_files, rooms, addresses, page
):
    project_id = projects.create(api, "Images", ["Thing"])
    storage = {"project": project_id, "path": str(local_files / "storage"), "title": "files"}
    api.post("/api/storages/localfiles", json=storage).raise_for_status()
    tasks = [{"data": {"image": address}} for address in addresses]
    api.post(f"/api/projects/{project_id}/import", json=tasks).raise_for_status()
    config = api.get(f"/api/projects/{project_id}").json()["label_config"]
    rooms.studio.projects.save(project_id, "Images", config)
    stored = list(rooms.studio.client.open_outlines(project_id))

    served = rooms.registry.load(None)
    batches = list(Batches(rooms.serving, rooms.studio.projects.get(project_id), served, "a test").run(stored))
    for task in stored:
        api.post(f"/api/tasks/{task.id}/annotations", json={"result": [REVIEW], "lead_time": 5}).raise_for_status()
    sync(rooms.trainings, project_id)
    snapshot = assemble.assemble(rooms.datasets, project_id)

    assert sum(batch.done for batch in batches) == len(addresses)
    assert [broken for batch in batches for broken in batch.broken] == []
    assert snapshot.report["left_out"] == {}
    by_task = {task.id: addresses[str(task.data["image"])] for task in stored}
    for path in snapshot.folder.glob("images/*/*"):
        content = by_task[int(path.stem.removeprefix("task-"))]
        assert np.array_equal(read_pixels(path.read_bytes(), path.name, 10**6), read_pixels(content, path.name, 10**6))
    with rooms.engine.connect() as connection:
        assert max(len(str(row.data)) for row in connection.execute(reviews.select())) < 500
    inline = next(task.id for task in stored if str(task.data["image"]).startswith("data:image/png"))
    page.goto(f"{label_studio.url}/projects/{project_id}/data?task={inline}")
    page.wait_for_function("[...document.images].some(one => one.naturalWidth == 64 && one.naturalHeight == 48)")
