"""A cluster that is named by a class: a retired one is refused, and of a renamed one any node name is good."""

from dataclasses import replace

import pytest

from loop.discovery.cluster_record import ClusterState
from loop.discovery.decide import promote
from loop.discovery.tracking import NameHint
from loop.errors import LabelConfigError
from loop.label_studio.label_config import parse
from loop.taxonomy.taxonomy import Node, Taxonomy
from tests.builders import CONFIG
from tests.discovery.builders import clusters_in, looking, planted


@pytest.fixture
def rooms(rooms):
    return looking(rooms)


@pytest.mark.parametrize("name", ["Car", "car"])
def test_a_retired_class_is_refused_until_its_boxes_are_taken_in_again(rooms, name):
    insects, _ = planted(rooms)
    rooms.studio.classes.retire(1, "Car")

    with pytest.raises(LabelConfigError, match="retire-class Car --project 1 --undo"):
        promote(rooms.discovery, 1, insects.id, name)
    assert clusters_in(rooms, ClusterState.PROMOTED) == []

    rooms.studio.classes.retire(1, "Car", is_retired=False)
    assert "boxes of cluster" in promote(rooms.discovery, 1, insects.id, name)[0]


def test_a_cluster_suggests_the_name_of_today_of_a_class_that_was_renamed_since(rooms):
    insects, _ = planted(rooms)
    suggesting = replace(insects, hint=NameHint("car", 0.5, "Car", 1.0))
    rooms.discovery.clusters.replace(1, [suggesting], {})
    rooms.studio.classes.rename(1, "Car", "Auto")

    assert rooms.discovery.clusters.find(1, insects.id).cluster.hint.name == "Auto"


@pytest.mark.parametrize("name", ["Auto", "cars"], ids=["label", "node"])
def test_the_name_of_a_renamed_class_is_the_category_that_has_its_former_name(rooms, name):
    rooms.taxonomies.store.apply(1, Taxonomy((Node("cars", labels=("Car",)), Node("people", labels=("Person",)))), "")
    rooms.studio.classes.rename(1, "Car", "Auto")
    rooms.studio.client.fields["label_config"] = CONFIG.replace("Car", "Auto")
    rooms.studio.projects.save(1, "Autos", CONFIG.replace("Car", "Auto"))
    insects, _ = planted(rooms)

    promote(rooms.discovery, 1, insects.id, name)

    assert rooms.discovery.clusters.find(1, insects.id).node == "cars"
    assert [node.labels for node in rooms.taxonomies.store.current(1).nodes] == [("Car",), ("Person",)]
    assert parse(rooms.studio.client.fields["label_config"]).label_names == ("Auto", "Person")


@pytest.mark.parametrize(("in_config", "in_tree"), [("Car ", "Car "), ("Car ", "Car"), ("Car", " Car")])
def test_white_space_around_a_label_makes_no_second_label(rooms, in_config, in_tree):
    config = CONFIG.replace('"Car"', f'"{in_config}"')
    rooms.studio.client.fields["label_config"] = config
    rooms.studio.projects.save(1, "Cars", config)
    rooms.taxonomies.store.apply(1, Taxonomy((Node("cars", labels=(in_tree,)),)), "")
    insects, _ = planted(rooms)

    promote(rooms.discovery, 1, insects.id, "Car")

    assert parse(rooms.studio.client.fields["label_config"]).label_names == (in_config, "Person")
    assert [node.labels for node in rooms.taxonomies.store.current(1).nodes] == [(in_tree,)]
