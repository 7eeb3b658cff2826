"""A decision about a cluster is undone: what the promotion added goes, what people did meanwhile stays."""

import pytest

from loop.discovery.cluster_record import ClusterState
from loop.discovery.cluster_store import ClusterStore
from loop.discovery.decide import NOTHING, dismiss, promote
from loop.discovery.discover import discover
from loop.discovery.undo import undo
from loop.errors import ClusterDecided, NoSuchCluster, Refused
from loop.label_studio.label_config import parse
from loop.label_studio.label_config_edit import with_label
from loop.label_studio.views import View
from loop.references.index import index
from loop.references.plan import find_source
from loop.storage.actor import acting_as
from loop.storage.audit import AuditTrail
from loop.taxonomy.taxonomy import Node, Taxonomy
from loop.taxonomy.voting import Match
from tests.builders import CONFIG
from tests.discovery.builders import (
    INSECTS,
    POLICY,
    TOOLS,
    at,
    clusters_in,
    looking,
    planted,
    references,
    reviewed,
    states,
    unknown_tasks,
)
from tests.fakes import FakeLabelStudio
from tests.swap import swap

CARS = {("Car", "confirmed"): 10}


@pytest.fixture
def rooms(rooms):
    return looking(rooms)


def labels(rooms):
    return parse(rooms.studio.client.fields["label_config"]).label_names


def nodes(rooms):
    return [node.id for node in rooms.taxonomies.store.current(1).nodes]


def promoted(rooms, name="Insect", parent=None):
    insects, tools = planted(rooms)
    promote(rooms.discovery, 1, insects.id, name, parent)
    index(rooms.references, 1)
    return insects, tools


def test_an_undone_promotion_leaves_no_label_no_node_no_view_and_no_reference(rooms):
    before = rooms.studio.client.fields["label_config"]
    insects, _ = promoted(rooms)
    rooms.queue.asked.clear()

    lines = undo(rooms.discovery, 1, insects.id[:5], "these are leaves")
    asked = list(rooms.queue.asked)
    index(rooms.references, 1)

    assert lines == [
        f"10 boxes of cluster {insects.id} are not Insect any more",
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


def trail(rooms, kind="cluster"):
    return [entry for entry in AuditTrail(rooms.engine).read(1) if entry.kind == kind]


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


def test_a_label_that_reviews_have_stays_with_its_node_and_the_reviews(rooms):
    insects, _ = promoted(rooms)
    reviewed(rooms, 11, ("Insect", at("insect", 11)), ("Insect", at("tool", 11)))
    reviewed(rooms, 12, ("Insect", at("insect", 12)), is_skipped=True)
    config = rooms.studio.client.fields["label_config"]

    lines = undo(rooms.discovery, 1, insects.id, "")
    index(rooms.references, 1)

    assert "the label Insect and its node stay: 3 reviewed boxes on 2 tasks have the label" in lines
    assert rooms.studio.client.fields["label_config"] == config
    assert "insect" in nodes(rooms)
    assert references(rooms)["Insect", "named"] == 0
    assert references(rooms)["Insect", "missed"] + references(rooms)["Insect", "corrected"] == 2
    assert rooms.studio.client.tabs == []


class Drafted(FakeLabelStudio):
    """A Label Studio that refuses to lose a label, because a draft has it."""

    status = 400

    def validate_config(self, project_id, label_config):
        if "Insect" in self.fields["label_config"] and "Insect" not in label_config:
            raise Refused("These labels still exist in annotations or drafts: Insect", self.status)


def test_a_label_that_a_draft_in_label_studio_has_stays(rooms):
    rooms = swap(rooms, (rooms.studio.client, Drafted()))
    insects, _ = promoted(rooms)

    lines = undo(rooms.discovery, 1, insects.id, "")

    assert any(line.startswith("the label Insect and its node stay: These labels still exist") for line in lines), lines
    assert labels(rooms) == ("Car", "Person", "Insect")
    assert "insect" in nodes(rooms)
    assert states(rooms) == {"open": 2}


def test_a_label_studio_that_does_not_let_us_is_an_error_and_the_undo_goes_on_later(rooms):
    studio = Drafted()
    rooms = swap(rooms, (rooms.studio.client, studio))
    insects, _ = promoted(rooms)
    studio.status = 403
    with pytest.raises(Refused):
        undo(rooms.discovery, 1, insects.id, "")
    assert states(rooms) == {"undoing": 1, "open": 1}
    for decide in (
        lambda: promote(rooms.discovery, 1, insects.id, "Insect"),
        lambda: dismiss(rooms.discovery, 1, insects.id),
    ):
        with pytest.raises(ClusterDecided, match="undone in part"):
            decide()
    discover(rooms.discovery, 1, POLICY)  # leaves it alone

    studio.status = 400
    undo(rooms.discovery, 1, insects.id, "")

    assert ClusterState.UNDOING not in states(rooms)
    assert len(trail(rooms)) == 2


def test_a_category_that_was_there_before_stays(rooms):
    animals = Taxonomy((Node("cars", labels=("Car",)), Node("animals", title="Animals")))
    rooms.taxonomies.store.apply(1, animals, "")
    insects, tools = promoted(rooms, "Car")
    promote(rooms.discovery, 1, tools.id, "animals")

    lines = undo(rooms.discovery, 1, insects.id, "")
    undo(rooms.discovery, 1, tools.id, "")
    index(rooms.references, 1)

    assert "the label Car and its node stay: they were there before" in lines
    assert labels(rooms) == ("Car", "Person")
    assert rooms.taxonomies.store.current(1) == animals
    assert references(rooms) == CARS


def test_a_label_that_was_there_before_stays_without_the_node_that_came_with_the_promotion(rooms):
    rooms.taxonomies.store.apply(1, Taxonomy((Node("cars", labels=("Car",)),)), "")
    insects, _ = promoted(rooms, "Person")

    lines = undo(rooms.discovery, 1, insects.id, "")

    assert lines[1:3] == ["the label Person stays: it was there before", "node person is not in taxonomy 3"]
    assert labels(rooms) == ("Car", "Person")


def test_a_node_with_other_things_in_it_loses_the_label_only(rooms):
    insects, _ = promoted(rooms)
    current = rooms.taxonomies.store.current(1)
    rooms.taxonomies.store.apply(1, Taxonomy((*current.nodes, Node("bee", parent="insect"))), "by hand")

    lines = undo(rooms.discovery, 1, insects.id, "")

    assert any(line.startswith("node insect has no label Insect any more") for line in lines), lines
    assert rooms.taxonomies.store.current(1).by_id["insect"].labels == ()
    assert labels(rooms) == ("Car", "Person")


def test_of_two_clusters_with_one_name_the_last_undo_takes_the_category_back(rooms):
    insects, tools = promoted(rooms, "Thing")
    promote(rooms.discovery, 1, tools.id, "Thing")

    first = undo(rooms.discovery, 1, insects.id, "")
    index(rooms.references, 1)

    assert f"the label Thing and its node stay: Thing is also the name of {tools.id}" in first
    assert references(rooms) == CARS | {("Thing", "named"): 8}
    (view,) = rooms.studio.client.tabs
    assert sorted(item["value"] for item in view["data"]["filters"]["items"]) == TOOLS

    undo(rooms.discovery, 1, tools.id, "")

    assert labels(rooms) == ("Car", "Person")
    assert nodes(rooms) == ["car", "person"]
    assert rooms.studio.client.tabs == []


def test_a_label_and_a_view_that_people_changed_since_are_handled_as_they_are_now(rooms):
    insects, _ = promoted(rooms)
    client = rooms.studio.client
    client.fields["label_config"] = with_label(client.fields["label_config"], "Boat").replace(
        'value="Insect"', 'value="Insect" hotkey="9"'
    )
    (tab,) = client.views(1)
    client.update_view(1, View(tab.title, tab.conditions, id=tab.id))  # all instead of any of the tasks

    lines = undo(rooms.discovery, 1, insects.id, "")

    assert labels(rooms) == ("Car", "Person", "Boat")
    assert "the view “Likely Insect” stays: it has other filters" in lines
    assert len(client.tabs) == 1


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
