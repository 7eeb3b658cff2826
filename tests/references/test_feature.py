"""The feature URI of every embedding, whatever the embedder; what the doctor says of it."""

import json

import pytest
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.installation.checks_model import features
from loop.references.feature import describe_feature
from loop.vision.embedders import Embedders
from tests.builders import CONFIG
from tests.swap import swap

URI = "loop://yolo_detector@{}/detection_embedding"


@pytest.fixture
def rooms(rooms, tmp_path):
    """A champion and the version before it."""
    rooms.studio.projects.save(1, "Cars", CONFIG)
    for content in (b"first", b"second"):
        (tmp_path / "weights.pt").write_bytes(content)
        version = rooms.registry.versions.add(1, tmp_path / "weights.pt")
        rooms.registry.versions.promote(1, version.name, "test")
    return rooms


@pytest.mark.parametrize("setting", ["efficientnet:", "yolo:", "none"])
def test_the_uri_names_the_version_whatever_the_embedder(rooms, setting):
    rooms = swap(rooms, (rooms.vision.embedders, Embedders(setting)))
    first, second = rooms.registry.versions.list(1)

    before, now = (describe_feature(rooms.references, 1, version) for version in (first, second))

    assert (before.uri, now.uri) == (URI.format(first.name[-5:]), URI.format(second.name[-5:]))
    assert {before.embedder, now.embedder} == {setting}
    assert before.alias == ""
    if setting != "none":
        assert now.alias == URI.format("champion")
        assert now.aliases == {"references": "loop_p1_references", "detections": "loop_p1_detections"}
    assert (before.collections == now.collections) == (setting != "yolo:")


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("efficientnet:", "find new categories"),
        ("yolo:", "find no new category; LOOP_EMBEDDER=efficientnet: has features that do"),
        ("open_clip:", "of a CLIP model"),
        ("none", "nothing is embedded"),
    ],
)
def test_the_doctor_says_what_the_features_can_tell(rooms, setting, text):
    rooms = swap(rooms, (rooms.vision.embedders, Embedders(setting)))

    (finding,) = features(rooms.installation, rooms.studio.projects.get(1))

    assert finding.level == "ok"
    assert f"by the embedder {setting}, " in finding.found
    assert text in finding.found


def test_the_record_of_a_version_shows_it(rooms, settings, monkeypatch):
    for variable, value in settings.environment().items():
        monkeypatch.setenv(variable, value)
    old, new = rooms.registry.versions.list(1)

    records = [
        json.loads(CliRunner().invoke(app, ["models", "show", version.name, "--project", "1"]).output)
        for version in (old, new)
    ]

    assert [record["feature"]["uri"] for record in records] == [URI.format(name[-5:]) for name in (old.name, new.name)]
    assert [record["feature"]["alias"] for record in records] == ["", URI.format("champion")]
