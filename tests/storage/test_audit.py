"""Who changed what, when and why."""

import json
import os
import pwd
from contextvars import Context
from datetime import UTC, datetime, timedelta

import pytest

from loop.discovery.decide import dismiss, promote
from loop.errors import Pinned, UpstreamError
from loop.registry.promote import pin, roll_back, unpin
from loop.registry.promote import promote as promote_version
from loop.storage.actor import acting_as, who_acts
from loop.storage.audit import AuditTrail
from loop.taxonomy import manage
from loop.taxonomy.editing.categories import with_thresholds
from loop.training.after_reviews import sync
from tests.builders import CONFIG
from tests.cli.runner import loop
from tests.discovery.builders import looking, planted
from tests.label_studio.fakes import StudioModel
from tests.registry.builders import serve_second_version
from tests.reviews.builders import connected, take
from tests.taxonomy.builders import ANIMALS

OLD, NEW = "yolo_detector@1.0.0", "yolo_detector@1.1.0"
BUS = CONFIG.replace('<Label value="Car"/>', '<Label value="Car"/><Label value="Bus"/>')


@pytest.fixture
def two_versions(rooms, tmp_path):
    """A project whose second version serves."""

    def write(content):
        (tmp_path / "some.pt").write_bytes(content)
        return tmp_path / "some.pt"

    return serve_second_version(rooms, write)


def trail(rooms, kind=None, **options):
    return [entry for entry in AuditTrail(rooms.engine).read(**options) if kind in (None, entry.kind)]


def test_who_acts_is_the_user_of_the_command_unless_somebody_else_is_named():
    assert Context().run(who_acts) == pwd.getpwuid(os.getuid()).pw_name

    with acting_as("training 7"):
        assert who_acts() == "training 7"


def test_promotions_rollbacks_and_pins_have_who_when_and_why(two_versions):
    registry = two_versions.registry
    before = datetime.now(UTC)
    with acting_as("maria"):
        roll_back(registry, 1, "it misses owls")
        pin(registry, 1, NEW, "until Friday")
        unpin(registry, 1, "it is Friday")
        promote_version(registry, 1, OLD, "again")

    entries = trail(two_versions, project_id=1, since=before)

    assert [(entry.kind, entry.before, entry.after, entry.why) for entry in entries] == [
        ("roll back", None, OLD, "it misses owls"),
        ("pin", None, NEW, "until Friday"),
        ("promote", None, NEW, "until Friday"),
        ("pin", NEW, None, "it is Friday"),
        ("promote", None, OLD, "again"),
    ]
    assert {entry.who for entry in entries} == {"maria"}
    assert all(before <= entry.at <= datetime.now(UTC) for entry in entries)


def test_a_change_that_is_refused_is_not_in_the_trail(two_versions):
    registry = two_versions.registry
    pin(registry, 1, OLD, "a test")
    before = trail(two_versions)

    with pytest.raises(Pinned):
        promote_version(registry, 1, NEW, "a test")
    pin(registry, 1, OLD, "once more")

    assert trail(two_versions) == before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            lambda rooms: rooms.studio.projects.set_policy(1, {"retrain_after": 2}),
            ("policy", {"policy": {}}, {"policy": {"retrain_after": 2}}),
            id="policy",
        ),
        pytest.param(
            lambda rooms: rooms.studio.projects.save(1, "Cars", BUS), ("label config", CONFIG, BUS), id="label-config"
        ),
        pytest.param(
            lambda rooms: rooms.studio.classes.rename(1, "Car", "Auto"), ("class name", "Car", "Auto"), id="class-name"
        ),
        pytest.param(
            lambda rooms: rooms.studio.classes.retire(1, "Car"),
            ("class retired", "Car, in use", "Car, retired"),
            id="class-retired",
        ),
        pytest.param(
            lambda rooms: rooms.studio.projects.set_shadow(1, "b@2", 0.5, is_shown=False),
            (
                "shadow",
                {"shadow": None, "shadow_share": 0.0, "is_shadow_shown": False},
                {"shadow": "b@2", "shadow_share": 0.5, "is_shadow_shown": False},
            ),
            id="shadow",
        ),
        pytest.param(
            lambda rooms: rooms.datasets.splits.leave_out(1, [3, 4]), ("tasks left out", None, [3, 4]), id="left-out"
        ),
        pytest.param(
            lambda rooms: rooms.reviews.store.forget(1),
            ("reviews forgotten", {"reviews": 0, "deletions": 0, "verdicts": 0}, None),
            id="rebuild",
        ),
        pytest.param(
            lambda rooms: rooms.access.tokens.add("ci", is_read_only=True), ("token", None, "ci, may read"), id="token"
        ),
    ],
)
def test_each_change_is_in_the_trail_once(rooms, change, expected):
    before = len(trail(rooms))

    with acting_as("maria"):
        change(rooms)

    (entry,) = trail(rooms)[before:]
    assert (entry.kind, entry.before, entry.after) == expected
    assert entry.who == "maria"


def test_a_taxonomy_and_the_decisions_on_clusters_are_in_the_trail(rooms):
    rooms = looking(rooms)
    insects, tools = planted(rooms)
    with acting_as("maria"):
        promote(rooms.discovery, 1, insects.id, "Insect")
        dismiss(rooms.discovery, 1, tools.id)
        manage.apply(rooms.taxonomies, 1, ANIMALS, "by the book")

    decisions = [(entry.before, entry.after, entry.who) for entry in trail(rooms, "cluster")]
    taxonomies = [(entry.why, entry.who) for entry in trail(rooms, "taxonomy")]

    assert decisions == [(insects.id, "promoted to Insect", "maria"), (tools.id, "dismissed", "maria")]
    assert taxonomies == [(f"cluster {insects.id} is Insect", "maria"), ("by the book", "maria")]
    assert [entry.why for entry in trail(rooms, "label config")][-1] == f"cluster {insects.id} is Insect"


def test_a_threshold_that_changes_alone_is_in_the_trail(rooms):
    manage.apply(rooms.taxonomies, 1, ANIMALS, "by the book")
    with acting_as("maria"):
        manage.apply(rooms.taxonomies, 1, with_thresholds(ANIMALS, {"owl": 0.6}), "calibrated")

    first, change = trail(rooms, "taxonomy")

    assert (change.who, change.why) == ("maria", "calibrated")
    assert (first.after[:3], change.after[:3]) == ("1, ", "2, ")
    assert first.after[3:] != change.after[3:]


@pytest.mark.parametrize("is_lost", [False, True], ids=["by-an-event", "by-the-sync"])
def test_a_label_config_that_was_changed_in_label_studio_is_its_change(empty_records, tmp_path, is_lost):
    studio = StudioModel(1)
    with connected(empty_records, tmp_path, studio) as rooms:
        studio.relabel()

        if is_lost:
            sync(rooms.trainings, 1)
        else:
            take(rooms, *studio.sent)

        first, change = trail(rooms, "label config")
        assert (first.who, change.who) == (who_acts(), "Label Studio")
        assert (change.before, change.why) == (first.after, "seen by the sync" if is_lost else "event 1")


def test_the_jobs_of_a_worker_act_for_the_schedule(rooms, settings, monkeypatch):
    monkeypatch.setenv("LOOP_HOME", str(settings.home))
    monkeypatch.setenv("LOOP_REDIS_URL", f"unix://{settings.home}/none.sock")

    def start_worker():
        with pytest.raises(UpstreamError):  # no Redis is there to get jobs from
            loop("worker", "default")
        return who_acts()

    assert Context().run(start_worker) == "schedule"


def test_the_command_shows_a_project_and_what_came_since(rooms, settings, monkeypatch):
    monkeypatch.setenv("LOOP_HOME", str(settings.home))
    monkeypatch.setenv("LOOP_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("COLUMNS", "200")
    rooms.studio.projects.save(1, "Cars", BUS)
    rooms.studio.projects.save(2, "Boats", CONFIG)
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"

    printed = json.loads(loop("audit", "--project", "1", "--json"))

    assert [(entry["kind"], entry["project"]) for entry in printed] == [("label config", 1)] * 2
    assert "Car, Person → Car, Bus, Person" in loop("audit", "--project", "1")
    assert loop("audit", "--since", tomorrow) == "no changes\n"
