"""A LOOP_HOME that an older version left behind: today's code upgrades it and says the same about it."""

import json
import shlex
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.datasets.folder import verify
from loop.errors import NotPassed, Pinned
from loop.gate.promote_by_hand import promote_by_hand
from loop.installation.backup import backup, restore
from loop.installation.status import status
from loop.registry.promote import roll_back, unpin
from loop.settings import Settings
from loop.storage import database
from loop.storage.audit import AuditTrail
from loop.vision.embedding import Space
from loop.wiring import build
from tests.fakes import FakeDetectors, FakeLabelStudio, FakeQueue
from tests.swap import swap

OLD = Path(__file__).parent / "old_home"  # `make.py` in it made it, with the code of that time
EXPECTED = json.loads((OLD / "expected.json").read_text())


def copy_old(home):
    shutil.copytree(OLD / "files", home)
    with closing(sqlite3.connect(home / "loop.sqlite3")) as records:
        records.executescript((OLD / "records.sql").read_text())
    return home


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory):
    """The old home, upgraded once; tests leave it as it is."""
    home = copy_old(tmp_path_factory.mktemp("old") / "home")
    build(Settings.read({"LOOP_HOME": str(home)}), migrate=True).close()
    return home


@pytest.fixture
def rooms(upgraded, tmp_path):
    """The rooms of a copy, which a test may change, without Redis, Label Studio and real weights."""
    shutil.copytree(upgraded, tmp_path / "home")
    with closing(build(Settings.read({"LOOP_HOME": str(tmp_path / "home")}))) as built:
        yield swap(
            built,
            (built.queue, FakeQueue()),
            (built.studio.client, FakeLabelStudio()),
            (built.registry.detectors, FakeDetectors()),
        )


def run(home, command):
    environment = {"LOOP_HOME": str(home), "COLUMNS": "200"}
    done = CliRunner().invoke(app, shlex.split(command), env=environment, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout.replace(str(home), "HOME")


NO_ROWS = ("version ", "id ", "persistence:", "likely:", "next:")


def read(output):
    """JSON, JSON lines, or the words of a text; what stands around the rows of a table may be reworded."""
    with suppress(ValueError):
        return json.loads(output)
    with suppress(ValueError):
        return [json.loads(line) for line in output.splitlines()]
    return [line.split() for line in output.splitlines() if not line.startswith(NO_ROWS)]


def without_additions(new, old):
    """*new* without the fields of JSON objects that *old* does not have: later code may say more."""
    if isinstance(new, dict) and isinstance(old, dict):
        return {name: without_additions(value, old[name]) for name, value in new.items() if name in old}
    if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        return [without_additions(*pair) for pair in zip(new, old, strict=True)]
    return new


def test_its_records_are_of_the_newest_revision(rooms):
    assert database.revision(rooms.engine) == database.NEWEST
    assert database.find_damage(rooms.engine) is None


@pytest.mark.parametrize("command", EXPECTED["commands"])
def test_a_command_says_the_same(upgraded, command):
    expected = read(EXPECTED["commands"][command])

    output = read(run(upgraded, command))

    assert without_additions(output, expected) == expected


def test_the_status_of_each_project_is_the_same(upgraded):
    rooms = build(Settings.read({"LOOP_HOME": str(upgraded), "LABEL_STUDIO_URL": "http://127.0.0.1:9"}))

    projects = [
        {
            "id": project.id,
            "title": project.title,
            "champion": project.champion,
            "reviewed": project.reviewed,
            "new reviews": project.new_reviews,
            "training": [project.training.id, project.training.status],
            "rates": [getattr(project.rates, name) for name in ("confirmed", "corrected", "false_positive", "missed")],
            "alert": project.alert,
            "waits": project.waits_for_a_person,
            "pinned": rooms.studio.projects.get(project.id).pinned,
            "shadow": rooms.studio.projects.get(project.id).shadow,
        }
        for project in status(rooms.installation).projects
    ]
    rooms.close()

    assert projects == EXPECTED["projects"]


def test_the_secret_of_each_webhook_is_the_same(rooms):
    secrets = {project: rooms.studio.backend.secret_of(int(project)) for project in EXPECTED["secrets"]}

    assert secrets == EXPECTED["secrets"]


def test_names_thresholds_and_weights_of_the_versions_are_the_same(rooms):
    versions = {}
    for version in (version for project in (1, 2) for version in rooms.registry.versions.list(project)):
        version.verify()
        thresholds = rooms.registry.thresholds_of(version)
        versions[f"{version.project_id} {version.name}"] = {
            "thresholds": [thresholds.floor, thresholds.display],
            "classes": list(version.facts.classes),
            "sha256": version.sha256,
        }

    assert versions == EXPECTED["versions"]


def test_decisions_on_clusters_are_the_same(rooms):
    clusters = {
        record.cluster.id: [record.state, record.cluster.size, record.name, record.node]
        for record in rooms.discovery.clusters.all(1)
    }

    assert clusters == EXPECTED["clusters"]


def test_matches_are_the_same(rooms):
    matches = rooms.taxonomies.matches.of_keys(1, Space("fake-1", "1" * 64), EXPECTED["matches"])

    assert {key: [match.node, match.score] for key, match in matches.items()} == EXPECTED["matches"]


def test_tasks_that_are_set_aside_are_the_same(rooms):
    set_aside = [[task.task_id, task.step, task.error] for task in rooms.reviews.set_aside.all(1)]

    assert set_aside == EXPECTED["set aside"]


def test_its_snapshot_can_be_trained_on(rooms):
    verify(rooms.datasets.snapshots.find_newest(1))


def test_a_version_that_served_before_serves_again_and_back(rooms):
    unpin(rooms.registry, 1, "by hand")

    promote_by_hand(rooms.gate, 1, "1.0.0", None)
    assert rooms.registry.versions.champion(1).name == "yolo_detector@1.0.0"

    roll_back(rooms.registry, 1, "by hand")
    assert rooms.registry.versions.champion(1).name == "yolo_detector@1.1.0"


def test_the_pin_and_the_rulings_of_the_gate_stand(rooms):
    with pytest.raises(Pinned):
        promote_by_hand(rooms.gate, 1, "1.0.0", None)
    with pytest.raises(NotPassed, match="refused"):
        promote_by_hand(rooms.gate, 1, "1.2.0", None)
    with pytest.raises(NotPassed):
        promote_by_hand(rooms.gate, 1, "1.3.0", None)


def test_changes_made_before_they_had_a_name_are_in_the_trail_without_one(rooms):
    entries = AuditTrail(rooms.engine).read(1)

    assert {"promote", "register", "taxonomy", "cluster"} <= {entry.kind for entry in entries}
    assert {entry.who for entry in entries} == {""}


def test_it_can_be_backed_up_before_it_is_upgraded(tmp_path):
    home = copy_old(tmp_path / "home")

    backup(home, Settings.read({"LOOP_HOME": str(home)}).database, tmp_path / "before.tar.gz")

    restore(tmp_path / "restored", tmp_path / "before.tar.gz")
    saved = {path.name: path.read_bytes() for path in home.glob("weights/*/*.pt")}
    assert saved
    assert saved == {path.name: path.read_bytes() for path in (tmp_path / "restored").glob("weights/*/*.pt")}


def test_its_vectors_are_made_by_the_embedder_that_was_the_default_when_it_was_made(rooms, upgraded):
    chosen = build(Settings.read({"LOOP_HOME": str(upgraded), "LOOP_EMBEDDER": "efficientnet:"}))
    chosen.close()

    assert rooms.vision.embedders.setting == "yolo:"
    assert chosen.vision.embedders.setting == "efficientnet:"
