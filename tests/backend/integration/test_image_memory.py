"""A web process under a real gunicorn keeps its images within its budget, over all requests at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image

from tests.backend.integration.busy import backend, predict_body, settings_in
from tests.http_servers import serve_folder

pytestmark = pytest.mark.timeout(200)

SIDE = 7000  # pixels: 147 MB of pixels each, and as much again while it is decoded
REQUESTS, IMAGES = 3, 2
BUDGET = 400 * 10**6  # bytes: the decoding of one image
BESIDE = 150 * 10**6  # bytes that are no images: files, answers, what an allocator keeps


def read_status(worker, field):
    lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """Images of 49 megapixels, each a small file."""
    folder = tmp_path_factory.mktemp("large")
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    picture.save(folder / "0.png")
    with serve_folder(folder) as url:
        yield [f"{url}/0.png?{number}" for number in range(IMAGES)]


def test_large_images_of_several_requests_are_in_memory_within_the_budget(addresses, tmp_path):
    settings = settings_in(tmp_path, LOOP_IMAGE_MEMORY=str(BUDGET))
    with backend(settings) as (process, client):

        def predict(_):
            json = {"Content-Type": "application/json", **client.headers}
            url = f"{settings.local_url}/predict"
            return httpx.post(url, content=predict_body(*addresses), headers=json, timeout=100)

        predict(0)  # the libraries are loaded
        (worker,) = psutil.Process(process.pid).children()
        before = read_status(worker, "VmRSS")
        Path(f"/proc/{worker.pid}/clear_refs").write_text("5")  # the peak starts anew
        with ThreadPoolExecutor(REQUESTS) as pool:
            answers = list(pool.map(predict, range(REQUESTS)))
        peak = read_status(worker, "VmHWM")

    assert [answer.json().get("errors") for answer in answers] == [None] * REQUESTS
    assert peak - before < BUDGET + BESIDE
