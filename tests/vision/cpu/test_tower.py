"""The image encoder of an open_clip model as OpenVINO runs it."""

import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from loop.errors import WeightsRefused
from loop.regions import Box
from loop.vision.cpu.tower import export_tower
from loop.vision.crop_embedder import CropEmbedder, TorchTower
from loop.vision.embedding import Space, normalise
from loop.vision.encoder.encoder import TowerFacts
from loop.vision.encoder.open_clip import OpenClipModel
from tests.vision.builders import make_images, write_tower

SPACE = Space("tested", "0" * 64)
IMAGES = make_images([(64, 64), (200, 120), (31, 90)])
WHOLE = [[Box(0, 0, 1, 1)]] * len(IMAGES)
PROGRAM = """
import sys
import numpy as np
from pathlib import Path
from loop.regions import Box
from loop.vision.embedding import Space
from loop.vision.crop_embedder import CropEmbedder
from loop.vision.encoder.open_clip import OpenClipModel
embedder = CropEmbedder(OpenClipModel(sys.argv[1]), Space("tested", "0" * 64), towers=Path(sys.argv[2]))
(vectors,) = embedder.embed([np.full((64, 64, 3), 7, np.uint8)], [[Box(0, 0, 1, 1)]])
print(sorted({"torch", "open_clip"} & set(sys.modules)), vectors.tobytes().hex())
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return OpenClipModel(str(write_tower(tmp_path_factory.mktemp("tower") / "model")))


@pytest.fixture(scope="module")
def towers(tmp_path_factory, model):
    folder = tmp_path_factory.mktemp("towers")
    CropEmbedder(model, SPACE, device="cpu", towers=folder)
    return folder


def test_several_threads_that_export_at_once_leave_the_level_of_the_logs(tmp_path, model):
    before, together = logging.getLogger().level, threading.Barrier(4)

    def export(number):
        together.wait()
        CropEmbedder(model, SPACE, device="cpu", towers=tmp_path / str(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(export, range(4)))

    assert logging.getLogger().level == before


def test_its_vectors_are_those_of_torch_but_for_the_rounding(model, towers):
    embedder = CropEmbedder(model, SPACE, device="cpu", towers=towers)

    vectors = np.concatenate(embedder.embed(IMAGES, WHOLE))

    trained = TorchTower(model, "cpu")
    wanted = [normalise(trained.encode(embedder._prepare(image)[None])) for image in IMAGES]
    np.testing.assert_allclose(vectors, np.concatenate(wanted), atol=1e-5)


def test_once_exported_it_needs_no_torch_and_gives_the_same_in_every_process(model, towers):
    runs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, model.name, str(towers)], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]

    assert runs[0].startswith("[] ")
    assert runs[0] == runs[1]


def test_a_damaged_export_is_made_again(model, tmp_path):
    first = CropEmbedder(model, SPACE, device="cpu", towers=tmp_path).embed(IMAGES, WHOLE)
    (file,) = tmp_path.glob("*.tower")
    file.write_bytes(file.read_bytes()[:-1000])

    again = CropEmbedder(model, SPACE, device="cpu", towers=tmp_path).embed(IMAGES, WHOLE)

    assert np.array_equal(np.concatenate(first), np.concatenate(again))


def test_where_the_export_cannot_be_written_torch_embeds(model, tmp_path, caplog):
    (tmp_path / "towers").write_text("no folder")

    embedder = CropEmbedder(model, SPACE, device="cpu", towers=tmp_path / "towers")

    assert len(embedder.embed(IMAGES, WHOLE)) == len(IMAGES)
    assert "cannot be written, so torch embeds" in caplog.text


def test_the_export_of_other_weights_takes_the_place_of_the_last(model, tmp_path):
    for fingerprint in ("1" * 64, "2" * 64):
        CropEmbedder(model, Space("tested", fingerprint), device="cpu", towers=tmp_path)

    assert [file.stem for file in tmp_path.iterdir()] == ["2" * 64]


def test_an_encoder_that_computes_otherwise_there_is_refused(tmp_path):
    import torch

    class Drawing(torch.nn.Module):
        def forward(self, pixels):
            return torch.rand(1, 8) - 0.5 + 0 * pixels.mean()

    with pytest.raises(WeightsRefused, match="torch embeds"):
        export_tower(Drawing(), TowerFacts((8, 8), (0.0,) * 3, (1.0,) * 3), tmp_path / "a.tower")
    assert list(tmp_path.iterdir()) == []
