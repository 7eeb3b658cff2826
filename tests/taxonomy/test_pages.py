"""What a person sees of a taxonomy, and what jobs prepare for a decision."""

from dataclasses import replace

import pytest

from loop import page_jobs
from loop.errors import LoopError, PayloadError, StalePlan
from loop.references.index import index
from loop.storage.actor import who_acts
from loop.taxonomy import manage, taxonomy_yaml
from loop.taxonomy.editing.diff import NodeChange, compare, describe
from loop.taxonomy.match import match_detections
from loop.taxonomy.pages import prepare
from loop.taxonomy.pages.check import check_file
from loop.taxonomy.pages.tree import read_taxonomy
from loop.taxonomy.reapply import reapply
from loop.taxonomy.taxonomy import Enrichment, Mode, Node, Taxonomy
from tests.builders import region
from tests.references.builders import LEFT, RIGHT, predicted, reviewed
from tests.taxonomy.builders import ANIMALS, TREE, matching, nodes, with_references


@pytest.fixture
def rooms(rooms):
    return matching(rooms)


def test_the_tree_counts_references_and_detections_by_node(rooms):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, Taxonomy((*TREE.nodes, Node("boat", labels=("Boat",)))), "by the book")
    match_detections(rooms.taxonomies, 1)

    page = read_taxonomy(rooms.taxonomies, 1)

    assert [(node.id, node.depth, node.references, node.detections, node.below) for node in page.nodes] == [
        *(("thing", 0, 0, 0, 6), ("car", 1, 1, 2, 2), ("person", 1, 1, 4, 4)),
        ("boat", 0, 0, 0, 0),
    ]
    assert [node.missing for node in page.nodes] == [(), (), (), ("Boat",)]
    assert (page.unknown, page.gone) == (0, 0)
    assert [(each.number, each.why, each.who) for each in page.versions] == [(1, "by the book", who_acts())]


@pytest.mark.parametrize("label", ["Car", "Auto"])
def test_references_under_another_name_of_a_renamed_class_count_for_its_node(rooms, label):
    with_references(rooms)
    renamed = (replace(node, labels=(label,)) if "Car" in node.labels else node for node in TREE.nodes)
    manage.apply(rooms.taxonomies, 1, Taxonomy(tuple(renamed)), "test")
    rooms.studio.classes.rename(1, "Car", "Auto")

    page = read_taxonomy(rooms.taxonomies, 1)

    assert [(node.references, node.missing) for node in page.nodes] == [(0, ()), (1, ()), (1, ())]


def test_matches_to_a_node_that_is_no_more_are_counted(rooms):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "")
    match_detections(rooms.taxonomies, 1)
    manage.apply(rooms.taxonomies, 1, Taxonomy(TREE.nodes[:2]), "without persons")

    assert read_taxonomy(rooms.taxonomies, 1).gone == 4


def test_a_project_without_a_taxonomy_or_an_embedder_has_a_page(rooms):
    page = read_taxonomy(rooms.taxonomies, 1)

    assert (page.version, page.nodes, page.versions, page.undoable) == ("", (), (), "")


def test_the_difference_of_two_taxonomies_is_named_node_by_node():
    changed = Node(
        "bird", "Birds", None, ("Aves", "Bird"), threshold=0.5, enrichment={"x": Enrichment("y", Mode.APPEND)}
    )
    after = Taxonomy((ANIMALS.by_id["plant"], Node("animal", "Animal"), changed, Node("moth", parent="animal")))

    diff = compare(ANIMALS, after)

    assert (diff.added, diff.removed, diff.is_reordered) == (("animal / moth",), ("animal / bird / owl",), True)
    assert diff.changed == (
        NodeChange("bird", "title", "Bird", "Birds"),
        NodeChange("bird", "parent", "animal", ""),
        NodeChange("bird", "labels", "Aves", "Aves, Bird"),
        NodeChange("bird", "threshold", "", "0.5"),
        NodeChange("bird", "enrichment x", "", "y (append)"),
    )
    assert compare(after, after).is_empty


def test_a_file_is_tried_before_it_is_applied(rooms):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "")
    match_detections(rooms.taxonomies, 1)
    new = Taxonomy((*TREE.nodes[:2], Node("human", labels=("Person", "Boat"))))

    checked = check_file(rooms.taxonomies, 1, taxonomy_yaml.write(new), 20)

    assert (checked.errors, checked.unused, checked.version) == ((), ("Boat",), new.version)
    assert (checked.diff.added, checked.diff.removed) == (("human",), ("thing / person",))
    assert describe(checked.diff)[:2] == ["new: human", "gone: thing / person"]
    assert describe(compare(TREE, TREE)) == ["changes nothing: this taxonomy is in force already"]
    assert {(trial.before.node, trial.after.node) for trial in checked.trials} == {("person", "human")}
    assert rooms.taxonomies.store.current(1) == TREE


def test_a_file_with_errors_and_one_that_cannot_be_tried_say_so(rooms):
    assert len(check_file(rooms.taxonomies, 1, "nodes: [{id: a, parent: b}, {id: 7}]", 20).errors) == 1
    assert len(check_file(rooms.taxonomies, 1, "nodes: [{id: a, x: b, threshold: 3}]", 20).errors) == 2
    rooms.references.milvus.is_down = True

    checked = check_file(rooms.taxonomies, 1, taxonomy_yaml.write(TREE), 20)

    assert checked.untried
    assert checked.diff.added == ("thing", "thing / car", "thing / person")


def improved(rooms):
    """Matched without references, which come later."""
    predicted(rooms)
    index(rooms.references, 1)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    match_detections(rooms.taxonomies, 1)
    reviewed(rooms, region("1l", "Car", LEFT), region("1r", "Person", RIGHT))
    index(rooms.references, 1)


def test_changes_are_prepared_and_made_by_their_token(rooms):
    improved(rooms)
    prepare.prepare_changes(rooms.taxonomies, 1)
    prepared = prepare.read_changes(rooms.taxonomies, 1)
    assert (prepared.matches, prepared.detections) == (3, 3)
    assert sum(times for _, _, times in prepared.moves) == 3

    prepare.record_outcome(rooms.taxonomies, 1, reapply(rooms.taxonomies, 1, prepared.token))

    page = read_taxonomy(rooms.taxonomies, 1)
    assert page.outcome.line.startswith("3 matches changed")
    assert page.changes is None
    assert page.undoable == prepared.token
    assert nodes(rooms, 1) == {"1l": "car", "1r": "person"}


def test_prepared_thresholds_are_put_in_force_unless_the_taxonomy_has_changed(rooms):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "")
    with pytest.raises(PayloadError):
        prepare.apply_calibration(rooms.taxonomies, 1, "too early")
    prepare.prepare_calibration(rooms.taxonomies, 1)
    prepared = prepare.read_calibration(rooms.taxonomies, 1)
    assert [row.node for row in prepared.rows] == ["thing", "car", "person"]

    assert "taxonomy 2" in prepare.apply_calibration(rooms.taxonomies, 1, "calibrated")

    assert [node.threshold for node in rooms.taxonomies.store.current(1).nodes] == [
        row.threshold for row in prepared.rows
    ]
    with pytest.raises(StalePlan, match="prepare them again"):
        prepare.apply_calibration(rooms.taxonomies, 1, "once more")


def test_a_job_that_fails_leaves_its_reason_for_the_page(rooms, monkeypatch):
    def run(name, project_id, work):
        assert who_acts() == "maria"
        return work(rooms)

    monkeypatch.setattr(page_jobs, "run_in_turn", run)

    for job in (page_jobs.calibrate, page_jobs.dry_run, page_jobs.undo):
        with pytest.raises(LoopError):
            job(1, "maria")
    with pytest.raises(LoopError):
        page_jobs.reapply(1, "maria", "0" * 16)

    page = read_taxonomy(rooms.taxonomies, 1)
    assert "loop taxonomy apply" in page.calibration.error
    assert page.changes.error == page.calibration.error == page.outcome.error


def test_jobs_prepare_change_and_undo(rooms, monkeypatch):
    monkeypatch.setattr(page_jobs, "run_in_turn", lambda name, project_id, work: work(rooms))
    improved(rooms)

    page_jobs.calibrate(1, "maria")
    page_jobs.dry_run(1, "maria")
    page_jobs.reapply(1, "maria", prepare.read_changes(rooms.taxonomies, 1).token)
    assert nodes(rooms, 1) == {"1l": "car", "1r": "person"}
    line = page_jobs.undo(1, "maria", read_taxonomy(rooms.taxonomies, 1).undoable)

    assert nodes(rooms, 1) == {"1l": None, "1r": None}
    page = read_taxonomy(rooms.taxonomies, 1)
    assert (page.outcome.line, page.undoable) == (line, "")
    assert page.calibration.rows
