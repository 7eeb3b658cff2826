"""A decision about a cluster is undone."""

import pytest

from loop.discovery.cluster_store import ClusterStore
from loop.discovery.decide import NOTHING, dismiss, promote
from loop.discovery.discover import discover
from loop.discovery.undo import undo
from loop.errors import NoSuchCluster
from loop.references.index import index
from loop.references.plan import find_source
from loop.storage.actor import acting_as
from loop.taxonomy.voting import Match
from tests.builders import CONFIG
from tests.discovery.builders import (
    INSECTS,
    POLICY,
    TOOLS,
    clusters_in,
    labels,
    looking,
    nodes,
    planted,
    promoted,
    references,
    states,
    trail,
    unknown_tasks,
)

CARS = {("Car", "confirmed"): 10}


@pytest.fixture
def rooms(rooms):
    return looking(rooms)


def test_an_undone_promotion_leaves_no_label_no_node_no_view_and_no_reference(rooms):
    before = rooms.studio.client.fields["label_config"]
    insects, _ = promoted(rooms)
    rooms.queue.asked.clear()

    lines = undo(rooms.discovery, 1, insects.id[:5], "these are leaves")
    asked = list(rooms.queue.asked)
    index(rooms.references, 1)

    assert lines == [
        f"the boxes of cluster {insects.id} are not Insect any more",
        "removed the label Insect from the label config",
        "node insect is not in taxonomy 2",
        "deleted the view “Likely Insect”",
        f"cluster {insects.id} with 10 boxes is open again",
    ]
    assert rooms.studio.client.fields["label_config"] == before == rooms.studio.projects.get(1).label_config
    assert nodes(rooms) == ["car", "person"]
    assert rooms.studio.client.tabs == []
    assert references(rooms) == CARS
    assert asked == [("index", 1), ("match", 1)]
    assert unknown_tasks(rooms) == [*INSECTS, *TOOLS]
    assert {cluster.id for cluster in clusters_in(rooms)} >= {insects.id}


def test_a_discovery_finds_the_cluster_again_and_it_can_get_another_name(rooms):
    insects, _ = promoted(rooms)
    undo(rooms.discovery, 1, insects.id, "")
    index(rooms.references, 1)

    discover(rooms.discovery, 1, POLICY)
    (again,) = [cluster for cluster in clusters_in(rooms) if set(INSECTS) <= set(cluster.tasks)]
    promote(rooms.discovery, 1, again.id, "Leaf")
    index(rooms.references, 1)

    assert references(rooms) == CARS | {("Leaf", "named"): 10}
    assert labels(rooms) == ("Car", "Person", "Leaf")


def test_undone_twice_changes_nothing(rooms):
    insects, tools = promoted(rooms)
    undo(rooms.discovery, 1, insects.id, "first")
    before = rooms.studio.client.fields["label_config"], len(rooms.taxonomies.store.all(1)), len(trail(rooms))

    assert undo(rooms.discovery, 1, insects.id, "second") == [f"cluster {insects.id} is open: {NOTHING}"]
    assert NOTHING in undo(rooms.discovery, 1, tools.id, "never decided")[0]

    assert before == (
        rooms.studio.client.fields["label_config"],
        len(rooms.taxonomies.store.all(1)),
        len(trail(rooms)),
    )
    with pytest.raises(NoSuchCluster):
        undo(rooms.discovery, 1, "zz", "")


def test_promotion_and_undo_stay_in_the_audit_trail(rooms):
    insects, tools = planted(rooms)
    with acting_as("maria"):
        promote(rooms.discovery, 1, insects.id, "Insect")
        dismiss(rooms.discovery, 1, tools.id)
    before = trail(rooms)
    with acting_as("ahmed"):
        undo(rooms.discovery, 1, insects.id, "these are leaves")
        undo(rooms.discovery, 1, tools.id, "it was the wrong one")

    entries = trail(rooms)

    assert entries[:2] == before
    assert [(entry.before, entry.after, entry.who, entry.why) for entry in entries[2:]] == [
        (f"{insects.id}, promoted to Insect", "open", "ahmed", "these are leaves"),
        (f"{tools.id}, dismissed", "open", "ahmed", "it was the wrong one"),
    ]
    why = f"cluster {insects.id} is not Insect: these are leaves"
    assert (trail(rooms, "taxonomy")[-1].why, trail(rooms, "label config")[-1].why) == (why, why)


def test_a_dismissed_cluster_is_open_again_and_shown_again(rooms):
    insects, _ = planted(rooms)
    dismiss(rooms.discovery, 1, insects.id)

    assert undo(rooms.discovery, 1, insects.id, "") == [f"cluster {insects.id} with 10 boxes is open again"]
    discover(rooms.discovery, 1, POLICY)

    assert states(rooms) == {"open": 2}


def test_the_detections_that_are_still_matched_to_it_are_counted(rooms):
    insects, tools = promoted(rooms)
    space = find_source(rooms.references, 1).space
    rooms.taxonomies.matches.add(1, space, {tools.members[0].key: Match("insect", 0.9)})

    lines = undo(rooms.discovery, 1, insects.id, "")

    assert lines[-1].startswith("1 detections are matched to insect: `loop taxonomy reapply --project 1 --dry-run`")
    assert set(rooms.taxonomies.matches.find_unshown(1, space)) == {tools.members[0].key}


def test_a_promotion_by_an_older_version_is_undone_but_for_label_and_node(rooms, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr("loop.discovery.cluster_store.write_facts", lambda cluster, given=None: facts_of_older(cluster))
        insects, _ = promoted(rooms)

    lines = undo(rooms.discovery, 1, insects.id, "")
    index(rooms.references, 1)

    assert any("an older version promoted it" in line for line in lines), lines
    assert labels(rooms) == ("Car", "Person", "Insect")
    assert references(rooms) == CARS
    assert states(rooms) == {"open": 2}


def facts_of_older(cluster):
    hint = cluster.hint
    facts = {"persistence": cluster.persistence, "stability": cluster.stability, "nearest": hint.nearest}
    return {**facts, "likeness": hint.likeness, "name": hint.name, "agreement": hint.agreement}


def test_of_two_people_who_undo_at_once_each_is_told_the_same(rooms):
    insects, _ = promoted(rooms)
    rooms.discovery.clusters.begin_undo(1, insects.id, "mine")  # the other one is half way

    lines = undo(rooms.discovery, 1, insects.id, "yours")

    assert lines[-1] == f"cluster {insects.id} with 10 boxes is open again"
    assert [entry.why for entry in trail(rooms)][1:] == ["mine"]
    assert labels(rooms) == ("Car", "Person")


def test_projects_have_each_their_own_undo(rooms):
    insects, _ = promoted(rooms)
    rooms.studio.projects.save(2, "Others", CONFIG)

    with pytest.raises(NoSuchCluster):
        undo(rooms.discovery, 2, insects.id, "")
    with pytest.raises(NoSuchCluster):
        ClusterStore(rooms.engine).begin_undo(2, insects.id, "")

    assert references(rooms)["Insect", "named"] == 10
