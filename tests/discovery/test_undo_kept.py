"""What people did, and what was there before, stays when a promotion is undone."""

import pytest

from loop.discovery.cluster_record import ClusterState
from loop.discovery.decide import dismiss, promote
from loop.discovery.discover import discover
from loop.discovery.undo import undo
from loop.errors import ClusterDecided, Refused
from loop.label_studio.label_config_edit import with_label
from loop.label_studio.views import View
from loop.references.index import index
from loop.taxonomy.taxonomy import Node, Taxonomy
from tests.discovery.builders import (
    POLICY,
    TOOLS,
    at,
    labels,
    looking,
    nodes,
    promoted,
    references,
    reviewed,
    states,
    trail,
)
from tests.fakes import FakeLabelStudio
from tests.swap import swap

CARS = {("Car", "confirmed"): 10}


@pytest.fixture
def rooms(rooms):
    return looking(rooms)


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
