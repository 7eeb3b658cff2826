"""All stored detections are matched again on request, and that can be undone; taxonomies are tried and applied."""

from dataclasses import replace

import pytest

from loop.errors import PayloadError, StalePlan, UnknownProject
from loop.lineage import of_region
from loop.references.index import index
from loop.storage.taxonomy_tables import matches
from loop.taxonomy import manage
from loop.taxonomy.match import match_detections
from loop.taxonomy.reapply import dry_run, reapply, undo
from loop.taxonomy.taxonomy import Node, Taxonomy
from tests.builders import region
from tests.cli.runner import loop
from tests.references.builders import BELOW, LEFT, RIGHT, predicted, reviewed
from tests.taxonomy.builders import TREE, everything, matching, nodes, placed, with_references


@pytest.fixture
def rooms(rooms):
    return matching(rooms)


def improved(rooms):
    """Matched without references, which come later."""
    predicted(rooms)
    index(rooms.references, 1)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    match_detections(rooms.taxonomies, 1)
    before = everything(rooms)
    reviewed(rooms, region("1l", "Car", LEFT), region("1r", "Person", RIGHT), region("drawn", "Car", BELOW))
    index(rooms.references, 1)
    return before


def test_a_dry_run_says_what_would_change_and_changes_nothing(rooms):
    before = improved(rooms)

    preview = dry_run(rooms.taxonomies, 1)

    assert preview.plan.summary() == {(None, "car"): 2, (None, "person"): 1}
    assert everything(rooms) == before


def test_the_command_counts_the_changes_that_move_no_box_too(rooms, monkeypatch):
    improved(rooms)
    preview = dry_run(rooms.taxonomies, 1)
    stays = replace(preview.plan.changes[0], after=preview.plan.changes[0].before)
    preview = replace(preview, detections=4, plan=replace(preview.plan, changes=(*preview.plan.changes, stays)))
    monkeypatch.setattr("loop.cli.taxonomy.open_rooms", lambda _: rooms)
    monkeypatch.setattr("loop.cli.taxonomy.reapply.dry_run", lambda *_: preview)

    shown = loop("taxonomy", "reapply", "--project", "1", "--dry-run")

    assert "2 from unknown to car" in shown
    assert "1 keep their node or stay unknown" in shown
    assert "4 detections, 4 matches would change" in shown


def test_the_token_of_a_dry_run_applies_it_and_a_second_time_changes_nothing(rooms):
    improved(rooms)
    token = dry_run(rooms.taxonomies, 1).plan.token

    assert "3 matches changed" in reapply(rooms.taxonomies, 1, token)
    after = everything(rooms)
    assert nodes(rooms, 1) == {"1l": "car", "1r": "person"}
    assert placed(rooms)["1c"] == "car"

    assert reapply(rooms.taxonomies, 1, token) == "nothing to change"
    assert everything(rooms) == after
    assert dry_run(rooms.taxonomies, 1).plan.changes == ()


def test_undo_restores_the_state_exactly(rooms):
    before = improved(rooms)
    reapply(rooms.taxonomies, 1, dry_run(rooms.taxonomies, 1).plan.token)

    undo(rooms.taxonomies, 1)

    assert everything(rooms) == before
    assert set(placed(rooms).values()) == {""}
    with pytest.raises(PayloadError, match="not undone"):
        undo(rooms.taxonomies, 1)


def test_an_undo_of_another_change_than_the_last_is_refused(rooms):
    improved(rooms)
    reapply(rooms.taxonomies, 1, dry_run(rooms.taxonomies, 1).plan.token)
    after = everything(rooms)

    with pytest.raises(StalePlan, match="nothing is changed"):
        undo(rooms.taxonomies, 1, "0" * 12)
    assert everything(rooms) == after


def test_an_undo_that_is_refused_changes_nothing_in_milvus_either(rooms):
    improved(rooms)
    reapply(rooms.taxonomies, 1, dry_run(rooms.taxonomies, 1).plan.token)
    with rooms.engine.begin() as connection:
        connection.execute(matches.delete().where(matches.c.detection == next(iter(everything(rooms)))))
    before = placed(rooms)

    with pytest.raises(StalePlan, match="plan again"):
        undo(rooms.taxonomies, 1)
    assert placed(rooms) == before


def test_another_token_is_refused(rooms):
    before = improved(rooms)
    token = dry_run(rooms.taxonomies, 1).plan.token
    manage.apply(rooms.taxonomies, 1, Taxonomy((Node("vehicle", labels=("Car",)),)), "another tree")

    with pytest.raises(StalePlan, match="plan again"):
        reapply(rooms.taxonomies, 1, token)
    assert everything(rooms) == before


def test_a_taxonomy_is_applied_once(rooms):
    assert "is in force" in manage.apply(rooms.taxonomies, 1, TREE, "first")
    assert "already" in manage.apply(rooms.taxonomies, 1, TREE, "again")
    with pytest.raises(UnknownProject):
        manage.apply(rooms.taxonomies, 2, TREE, "another project")

    manage.apply(rooms.taxonomies, 1, Taxonomy(), "empty")

    assert [(version.number, version.why) for version in rooms.taxonomies.store.all(1)] == [(2, "empty"), (1, "first")]
    assert rooms.taxonomies.store.all(1)[1].taxonomy == TREE


def test_a_trial_stores_nothing(rooms):
    with_references(rooms)

    trials = manage.try_taxonomy(rooms.taxonomies, 1, TREE, tasks=1)

    assert {trial.after.node for trial in trials} <= {"car", "person", None}
    assert len({trial.entry.task for trial in trials}) == 1
    assert everything(rooms) == {}
    assert rooms.taxonomies.store.current(1) is None


def test_calibration_leaves_a_reference_and_its_task_out(rooms):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")

    taxonomy, rows = manage.calibrate(rooms.taxonomies, 1)

    assert [(row.node, row.references) for row in rows] == [("thing", 2), ("car", 1), ("person", 1)]
    assert all(row.coverage is None for row in rows)  # both references are of one task: nobody is left to ask
    assert taxonomy.by_id["car"].threshold == rows[1].threshold


def test_lineage_shows_the_references_that_voted(rooms):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    match_detections(rooms.taxonomies, 1)

    (trace,) = of_region(rooms.trainings, rooms.taxonomies, 1, "b2l").matched

    assert (trace.node, trace.task) == ("car", 2)
    assert trace.voters[0].label == "Car"
    assert (trace.voters[0].task, trace.voters[0].region) == (1, "1l")
