"""A version for use elsewhere, called as its page says."""

import json
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.errors import ArchiveRefused
from loop.registry.store import VersionFacts
from loop.registry.transfer import convert
from loop.vision.elsewhere.convert import RuntimeFormat
from loop.vision.tiling.tiles import Tiling
from tests.builders import picture
from tests.vision.builders import CLASSES, write_detector


@pytest.fixture
def version(rooms, tmp_path):
    facts = VersionFacts(training={"tiling": Tiling(side=320, overlap=64).as_json()})
    return rooms.registry.versions.add(1, write_detector(tmp_path / "some.pt"), facts)


@pytest.mark.parametrize(("kind", "ending"), [("onnx", ".onnx"), ("openvino", "_openvino_model")])
def test_the_page_beside_converted_weights_says_how_to_call_them(
    rooms, settings, version, tmp_path, monkeypatch, kind, ending
):
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    arguments = ["models", "export", version.name, "--project", "1", "--format", kind, "--out", str(tmp_path / "out")]

    done = CliRunner().invoke(app, arguments)

    assert done.exit_code == 0, done.output
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"HOW_TO.txt", "classes.txt", version.name.replace("@", "-") + ending, "version.json"}
    assert (tmp_path / "out/classes.txt").read_text().split() == list(CLASSES)
    facts = json.loads((tmp_path / "out/version.json").read_text())
    assert (facts["version"], facts["sha256_of_trained_weights"]) == (version.name, version.sha256)
    assert facts["tiling"] == {"side": 320, "overlap": 64}
    page = (tmp_path / "out/HOW_TO.txt").read_text()
    assert "tiles of 320 x 320 of its pixels" in page
    assert "share at\nleast 64;" in page
    code = "\n".join(line[4:] for line in page[page.index("    from ") : page.index("With another")].splitlines())
    shutil.copy(write_picture(tmp_path), tmp_path / "out/image.jpg")
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "out", capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr


def write_picture(folder):
    (folder / "image.jpg").write_bytes(picture())
    return folder / "image.jpg"


def test_a_folder_that_holds_something_is_refused(rooms, version, tmp_path):
    with pytest.raises(ArchiveRefused, match="new or empty"):
        convert(rooms.registry, 1, version.name, RuntimeFormat.ONNX, tmp_path)
