"""What a person says about a cluster: it is a category, or it is nothing."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from loop.discovery.cluster_record import ClusterState, GivenLabel
from loop.discovery.decide import NOTHING, dismiss, promote
from loop.errors import ClusterDecided, LabelConfigError, NoSuchCluster, Refused, TaxonomyError
from loop.label_studio.label_config import parse
from loop.references.index import index
from loop.references.plan import find_source
from loop.taxonomy.taxonomy import Node, Taxonomy
from loop.taxonomy.voting import Match
from tests.builders import CONFIG
from tests.discovery.builders import INSECTS, TOOLS, clusters_in, looking, planted, references, states, unknown_tasks
from tests.fakes import FakeLabelStudio
from tests.swap import swap


@pytest.fixture
def rooms(rooms):
    return looking(rooms)


def test_dismissing_twice_changes_nothing_and_an_unknown_one_is_named(rooms):
    insects, tools = planted(rooms)
    dismiss(rooms.discovery, 1, insects.id)

    assert "before" in dismiss(rooms.discovery, 1, insects.id)
    with pytest.raises(NoSuchCluster, match=tools.id):
        dismiss(rooms.discovery, 1, "zz")
    with pytest.raises(NoSuchCluster):
        dismiss(rooms.discovery, 1, "")
    with pytest.raises(ClusterDecided, match="dismissed"):
        promote(rooms.discovery, 1, insects.id, "Insect")


def test_a_promoted_cluster_is_a_node_with_references_a_label_and_a_view(rooms):
    insects, _ = planted(rooms)

    lines = promote(rooms.discovery, 1, insects.id[:5], " Insect ")
    index(rooms.references, 1)

    assert len(lines) == 5, lines
    taxonomy = rooms.taxonomies.store.current(1)
    assert [node.id for node in taxonomy.nodes] == ["car", "person", "insect"]
    assert references(rooms) == {("Car", "confirmed"): 10, ("Insect", "named"): 10}
    config = rooms.studio.client.fields["label_config"]
    assert parse(config).label_names == ("Car", "Person", "Insect")
    assert rooms.studio.projects.get(1).label_config == config
    (view,) = rooms.studio.client.tabs
    assert sorted(item["value"] for item in view["data"]["filters"]["items"]) == INSECTS
    assert rooms.queue.asked[-1] == ("index", 1)
    assert unknown_tasks(rooms) == TOOLS
    assert [cluster.id for cluster in clusters_in(rooms, ClusterState.PROMOTED)] == [insects.id]


def test_promoting_twice_changes_nothing_and_another_name_is_an_error(rooms):
    insects, _ = planted(rooms)
    promote(rooms.discovery, 1, insects.id, "Insect")
    before = rooms.studio.client.fields["label_config"], rooms.studio.client.tabs[0]["data"]

    assert NOTHING in promote(rooms.discovery, 1, insects.id, "Insect")[0]

    assert before == (rooms.studio.client.fields["label_config"], rooms.studio.client.tabs[0]["data"])
    assert len(rooms.taxonomies.store.all(1)) == 1
    for name, parent in (("Beetle", None), ("Insect", "car")):
        with pytest.raises(ClusterDecided, match="was promoted to Insect"):
            promote(rooms.discovery, 1, insects.id, name, parent)
    with pytest.raises(ClusterDecided, match="was promoted to Insect"):
        dismiss(rooms.discovery, 1, insects.id)


def test_a_promotion_to_one_of_several_nodes_of_a_name_can_be_repeated(rooms):
    others = (Node(f"{of}-other", "Other", of, (f"Other {of}",)) for of in ("animal", "plant"))
    rooms.taxonomies.store.apply(1, Taxonomy((Node("animal"), Node("plant"), *others)), "")
    insects, _ = planted(rooms)

    promote(rooms.discovery, 1, insects.id, "Other", "plant")

    assert NOTHING in promote(rooms.discovery, 1, insects.id, "Other", "plant")[0]
    assert rooms.discovery.clusters.find(1, insects.id).node == "plant-other"


def test_a_name_that_is_a_node_already_gives_it_more_references(rooms):
    animals = Node("animals", title="Animals")
    rooms.taxonomies.store.apply(1, Taxonomy((Node("cars", labels=("Car",)), animals)), "")
    insects, tools = planted(rooms)

    promote(rooms.discovery, 1, insects.id, "Car")
    promote(rooms.discovery, 1, tools.id, "animals")
    index(rooms.references, 1)

    assert references(rooms) == {("Car", "confirmed"): 10, ("Car", "named"): 10, ("animals", "named"): 8}
    assert parse(rooms.studio.client.fields["label_config"]).label_names == ("Car", "Person", "animals")
    assert rooms.taxonomies.store.current(1).by_id["animals"].labels == ("animals",)


def test_a_name_in_another_case_is_the_category_that_is_there(rooms):
    insects, _ = planted(rooms)

    promote(rooms.discovery, 1, insects.id, "PERSON")

    assert parse(rooms.studio.client.fields["label_config"]).label_names == ("Car", "Person")
    assert [node.labels for node in rooms.taxonomies.store.current(1).nodes] == [("Car",), ("Person",)]


@pytest.mark.parametrize(
    ("name", "current"),
    [pytest.param("Car", "Auto", id="former-name"), pytest.param("AUTO", "Auto", id="other-case")],
)
def test_a_new_label_that_means_a_class_or_is_its_twin_is_refused_before_anything_changes(rooms, name, current):
    rooms.studio.classes.rename(1, "Car", "Auto")
    rooms.studio.client.fields["label_config"] = CONFIG.replace("Car", "Auto")
    rooms.taxonomies.store.apply(1, Taxonomy((Node("person", labels=("Person",)),)), "")
    insects, _ = planted(rooms)

    with pytest.raises(LabelConfigError, match=current):
        promote(rooms.discovery, 1, insects.id, name)

    assert [cluster.id for cluster in clusters_in(rooms, ClusterState.PROMOTED)] == []
    assert name not in rooms.studio.client.fields["label_config"]


def test_what_people_moved_in_the_taxonomy_since_stays_where_they_put_it(rooms):
    rooms.taxonomies.store.apply(1, Taxonomy((Node("animals"), Node("cars", labels=("Car",)))), "")
    insects, _ = planted(rooms)
    promote(rooms.discovery, 1, insects.id, "Insect", "animals")
    moved = Taxonomy((Node("animals"), Node("cars", labels=("Car",)), Node("insect", labels=("Insect",))))
    rooms.taxonomies.store.apply(1, moved, "by hand")

    assert NOTHING in promote(rooms.discovery, 1, insects.id, "Insect", "animals")[0]

    assert rooms.taxonomies.store.current(1) == moved


def test_what_label_studio_shows_of_matches_is_written_anew_with_the_taxonomy(rooms):
    insects, tools = planted(rooms)
    space = find_source(rooms.references, 1).space
    key = tools.members[0].key
    rooms.taxonomies.matches.add(1, space, {key: Match(None, 0.1)})
    rooms.taxonomies.matches.mark_shown(1, space, [key])

    promote(rooms.discovery, 1, insects.id, "Insect")

    assert set(rooms.taxonomies.matches.find_unshown(1, space)) == {key}


def test_of_two_people_who_decide_at_once_one_is_told(rooms):
    insects, _ = planted(rooms)
    seen = rooms.discovery.clusters.find(1, insects.id)
    dismiss(rooms.discovery, 1, insects.id)

    with pytest.raises(ClusterDecided, match="not open any more"):
        rooms.discovery.clusters.promote(
            1, replace(seen, name="Insect", node="insect"), GivenLabel("Insect"), datetime.now(UTC), insects.members
        )

    assert states(rooms) == {"dismissed": 1, "open": 1}
    assert rooms.references.task_states.read_named(1, INSECTS) == {}


def test_a_box_in_two_clusters_is_named_once(rooms):
    insects, tools = planted(rooms)
    both = replace(tools, members=(*tools.members, insects.members[0]))
    rooms.discovery.clusters.replace(1, [insects, both], {})
    promote(rooms.discovery, 1, insects.id, "Insect")

    promote(rooms.discovery, 1, tools.id, "Tool")
    index(rooms.references, 1)

    assert references(rooms) == {("Car", "confirmed"): 10, ("Insect", "named"): 10, ("Tool", "named"): 8}


def test_two_clusters_of_one_name_share_node_and_view(rooms):
    insects, tools = planted(rooms)
    promote(rooms.discovery, 1, insects.id, "Thing")

    promote(rooms.discovery, 1, tools.id, "Thing")

    (view,) = rooms.studio.client.tabs
    assert sorted(item["value"] for item in view["data"]["filters"]["items"]) == [*INSECTS, *TOOLS]
    assert [node.id for node in rooms.taxonomies.store.current(1).nodes] == ["car", "person", "thing"]


class Unwilling(FakeLabelStudio):
    """A Label Studio that refuses a label."""

    def validate_config(self, project_id, label_config):
        raise Refused("400", 400)


@pytest.mark.parametrize(
    ("name", "parent", "broken", "error"),
    [
        ("Insect", "nowhere", FakeLabelStudio, TaxonomyError),
        (" ", None, FakeLabelStudio, TaxonomyError),
        ("Insect", None, Unwilling, Refused),
    ],
    ids=["unknown-parent", "no-name", "refused-by-label-studio"],
)
def test_what_cannot_be_promoted_touches_nothing(rooms, name, parent, broken, error):
    insects, _ = planted(rooms)
    studio = broken()

    with pytest.raises(error):
        promote(swap(rooms, (rooms.studio.client, studio)).discovery, 1, insects.id, name, parent)

    assert states(rooms) == {"open": 2}
    assert rooms.taxonomies.store.current(1) is None
    assert studio.fields["label_config"] == CONFIG
    assert rooms.references.task_states.read_named(1, INSECTS) == {}


def test_a_label_config_that_nothing_can_be_added_to_is_refused_before_anything_is_touched(rooms):
    insects, _ = planted(rooms)
    rooms.studio.client.fields["label_config"] = "<View/>"

    with pytest.raises(LabelConfigError):
        promote(rooms.discovery, 1, insects.id, "Insect")

    assert states(rooms) == {"open": 2}


def test_projects_have_each_their_own_clusters(rooms):
    insects, _ = planted(rooms)
    rooms.studio.projects.save(2, "Others", CONFIG)

    with pytest.raises(NoSuchCluster):
        dismiss(rooms.discovery, 2, insects.id)
    rooms.discovery.clusters.replace(2, [], {})

    assert len(clusters_in(rooms)) == 2
