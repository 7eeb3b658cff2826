"""A version remembers how the images of its training were cut."""

import pytest

from loop.errors import ArchiveRefused
from loop.registry import manifest
from loop.registry.detectors import Detectors
from loop.registry.manifest import Manifest
from loop.registry.store import VersionFacts
from loop.registry.transfer import add, export
from loop.vision.tiling.tiled_detector import TiledDetector
from loop.vision.tiling.tiles import Framing, Tiling
from tests.swap import swap
from tests.vision.builders import SIDE, checkpoint, write_detector

TILED = {"image_size": SIDE, "tiling": {"side": 640, "overlap": 128}}


@pytest.fixture
def real(rooms, tmp_path):
    """Rooms with real detectors, and the weights of one."""
    weights = write_detector(tmp_path / "tiny.pt")
    return swap(rooms, (rooms.registry.detectors, Detectors("cpu", SIDE, str(weights), tmp_path))), weights


def test_a_version_serves_in_the_tiles_of_its_training_and_one_without_on_whole_images(real):
    rooms, weights = real
    versions = [rooms.registry.versions.add(1, weights, VersionFacts(training=made)) for made in (TILED, {})]
    rooms.studio.projects.set_policy(1, {"tile": 320})  # of the next training

    tiled, whole = (rooms.registry.load(version).detector for version in versions)

    assert [version.framing for version in versions] == [Framing(SIDE, Tiling(640, 128)), Framing()]
    assert isinstance(tiled, TiledDetector)
    assert tiled.tiling == Tiling(640, 128)
    assert tiled.class_names == whole.class_names
    assert not isinstance(whole, TiledDetector)


def test_versions_of_one_content_share_a_network_whatever_their_tiles(real):
    rooms, weights = real

    whole = rooms.registry.detectors.load(weights)
    tiled = rooms.registry.detectors.load(weights, Framing(SIDE, Tiling(640, 128)))

    assert tiled._detector is whole


def test_a_version_that_is_given_out_comes_in_again_with_its_tiles(rooms, tmp_path):
    checkpoint(tmp_path / "own.pt")
    facts = VersionFacts(classes=("car", "person", "dog"), training=TILED)
    rooms.registry.versions.add(1, tmp_path / "own.pt", facts)

    export(rooms.registry, 1, "1.0.0", tmp_path / "out.tar.gz")
    again, _ = add(rooms.registry, 1, tmp_path / "out.tar.gz")

    assert again.framing == Framing(SIDE, Tiling(640, 128))


def test_a_manifest_without_tiles_is_as_it_was():
    assert "tiling" not in manifest.write(Manifest())
    assert manifest.read(manifest.write(Manifest())).tiling is None


def test_tiles_that_make_no_sense_are_refused():
    text = manifest.write(Manifest(tiling=Tiling(640, 128))).replace("128", "1280")

    with pytest.raises(ArchiveRefused, match=r"manifest\.json tiling: expected a side from 32 to 8192"):
        manifest.read(text)
