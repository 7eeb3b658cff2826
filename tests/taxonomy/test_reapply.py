"""Everything stored is matched anew on request, and that can be taken back; taxonomies are tried and applied."""

import pytest

from loop.errors import PayloadError, StalePlan, UnknownProject
from loop.lineage import of_region
from loop.references.index import index
from loop.storage.taxonomy_tables import matches
from loop.taxonomy import manage as categorise
from loop.taxonomy.match import match
from loop.taxonomy.reapply import dry_run, reapply, undo
from loop.taxonomy.taxonomy import Node, Taxonomy
from tests.builders import region
from tests.references.builders import BELOW, LEFT, RIGHT, predicted, reviewed
from tests.taxonomy.builders import TREE, everything, matching, nodes, placed, with_references


@pytest.fixture
def parts(parts):
    return matching(parts)


def improved(parts):
    """Matched without references, which come later."""
    predicted(parts)
    index(parts, 1)
    categorise.apply(parts, 1, TREE, "test")
    match(parts, 1)
    before = everything(parts)
    reviewed(parts, region("1l", "Car", LEFT), region("1r", "Person", RIGHT), region("drawn", "Car", BELOW))
    index(parts, 1)
    return before


def test_a_dry_run_says_what_would_change_and_changes_nothing(parts):
    before = improved(parts)

    found = dry_run(parts, 1)

    assert found.plan.summary() == {(None, "car"): 2, (None, "person"): 1}
    assert everything(parts) == before


def test_the_token_of_a_dry_run_applies_it_and_a_second_time_changes_nothing(parts):
    improved(parts)
    token = dry_run(parts, 1).plan.token

    assert "3 matches changed" in reapply(parts, 1, token)
    after = everything(parts)
    assert nodes(parts, 1) == {"1l": "car", "1r": "person"}
    assert placed(parts)["1c"] == "car"

    assert reapply(parts, 1, token) == "nothing to change"
    assert everything(parts) == after
    assert dry_run(parts, 1).plan.changes == ()


def test_undo_restores_the_state_exactly(parts):
    before = improved(parts)
    reapply(parts, 1, dry_run(parts, 1).plan.token)

    undo(parts, 1)

    assert everything(parts) == before
    assert set(placed(parts).values()) == {""}
    with pytest.raises(PayloadError, match="not taken back"):
        undo(parts, 1)


def test_an_undo_that_is_refused_changes_nothing_in_milvus_either(parts):
    improved(parts)
    reapply(parts, 1, dry_run(parts, 1).plan.token)
    with parts.engine.begin() as connection:
        connection.execute(matches.delete().where(matches.c.detection == next(iter(everything(parts)))))
    before = placed(parts)

    with pytest.raises(StalePlan, match="plan again"):
        undo(parts, 1)
    assert placed(parts) == before


def test_another_token_is_refused(parts):
    before = improved(parts)
    token = dry_run(parts, 1).plan.token
    categorise.apply(parts, 1, Taxonomy((Node("vehicle", labels=("Car",)),)), "another tree")

    with pytest.raises(StalePlan, match="plan again"):
        reapply(parts, 1, token)
    assert everything(parts) == before


def test_a_taxonomy_is_applied_once(parts):
    assert "is in force" in categorise.apply(parts, 1, TREE, "first")
    assert "already" in categorise.apply(parts, 1, TREE, "again")
    with pytest.raises(UnknownProject):
        categorise.apply(parts, 2, TREE, "another project")

    categorise.apply(parts, 1, Taxonomy(), "empty")

    assert [(one.number, one.why) for one in parts.taxonomies.all(1)] == [(2, "empty"), (1, "first")]
    assert parts.taxonomies.all(1)[1].taxonomy == TREE


def test_a_trial_stores_nothing(parts):
    with_references(parts)

    found = categorise.trial(parts, 1, TREE, tasks=1)

    assert {one.after.node for one in found} <= {"car", "person", None}
    assert len({one.entry.task for one in found}) == 1
    assert everything(parts) == {}
    assert parts.taxonomies.current(1) is None


def test_calibration_leaves_a_reference_and_its_task_out(parts):
    with_references(parts)
    categorise.apply(parts, 1, TREE, "test")

    taxonomy, rows = categorise.calibrated(parts, 1)

    assert [(row.node, row.references) for row in rows] == [("thing", 2), ("car", 1), ("person", 1)]
    assert all(row.coverage is None for row in rows)  # both references are of one task: nobody is left to ask
    assert taxonomy.by_id["car"].threshold == rows[1].threshold


def test_lineage_shows_the_references_that_voted(parts):
    with_references(parts)
    categorise.apply(parts, 1, TREE, "test")
    match(parts, 1)

    (found,) = of_region(parts, 1, "b2l").matched

    assert (found.node, found.task) == ("car", 2)
    assert found.voters[0].label == "Car"
    assert (found.voters[0].task, found.voters[0].region) == (1, "1l")
