"""What a person says about a cluster: it is a category, or it is nothing."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from loop.discovery.cluster_store import ClusterState
from loop.discovery.decide import NOTHING, dismiss, promote
from loop.errors import ClusterDecided, LabelConfigError, Refused, TaxonomyError, UnknownClusterId
from loop.label_studio.label_config import parse
from loop.references.index import index
from loop.references.plan import source_of
from loop.taxonomy.matching import Match
from loop.taxonomy.taxonomy import Node, Taxonomy
from tests.builders import CONFIG
from tests.discovery.builders import INSECTS, TOOLS, found, looking, planted, references, states, unknown_tasks
from tests.fakes import FakeLabelStudio


@pytest.fixture
def parts(parts):
    return looking(parts)


def test_dismissing_twice_changes_nothing_and_an_unknown_one_is_named(parts):
    insects, tools = planted(parts)
    dismiss(parts, 1, insects.id)

    assert "before" in dismiss(parts, 1, insects.id)
    with pytest.raises(UnknownClusterId, match=tools.id):
        dismiss(parts, 1, "zz")
    with pytest.raises(UnknownClusterId):
        dismiss(parts, 1, "")
    with pytest.raises(ClusterDecided, match="dismissed"):
        promote(parts, 1, insects.id, "Insect")


def test_a_promoted_cluster_is_a_node_with_references_a_label_and_a_view(parts):
    insects, _ = planted(parts)

    lines = promote(parts, 1, insects.id[:5], " Insect ")
    index(parts, 1)

    assert len(lines) == 5, lines
    taxonomy = parts.taxonomies.current(1)
    assert [node.id for node in taxonomy.nodes] == ["car", "person", "insect"]
    assert references(parts) == {("Car", "confirmed"): 10, ("Insect", "named"): 10}
    config = parts.label_studio.fields["label_config"]
    assert parse(config).label_names == ("Car", "Person", "Insect")
    assert parts.projects.get(1).label_config == config
    (view,) = parts.label_studio.views(1)
    assert sorted(item["value"] for item in view["data"]["filters"]["items"]) == INSECTS
    assert parts.queue.asked[-1] == ("index", 1)
    assert unknown_tasks(parts) == TOOLS
    assert [one.id for one in found(parts, ClusterState.PROMOTED)] == [insects.id]


def test_promoting_twice_changes_nothing_and_another_name_is_an_error(parts):
    insects, _ = planted(parts)
    promote(parts, 1, insects.id, "Insect")
    before = parts.label_studio.fields["label_config"], parts.label_studio.tabs[0]["data"]

    assert NOTHING in promote(parts, 1, insects.id, "Insect")[0]

    assert before == (parts.label_studio.fields["label_config"], parts.label_studio.tabs[0]["data"])
    assert len(parts.taxonomies.all(1)) == 1
    for name, parent in (("Beetle", None), ("Insect", "car")):
        with pytest.raises(ClusterDecided, match="was promoted to Insect"):
            promote(parts, 1, insects.id, name, parent)
    with pytest.raises(ClusterDecided, match="was promoted to Insect"):
        dismiss(parts, 1, insects.id)


def test_a_name_that_is_a_node_already_gives_it_more_references(parts):
    animals = Node("animals", title="Animals")
    parts.taxonomies.apply(1, Taxonomy((Node("cars", labels=("Car",)), animals)), "")
    insects, tools = planted(parts)

    promote(parts, 1, insects.id, "Car")
    promote(parts, 1, tools.id, "animals")
    index(parts, 1)

    assert references(parts) == {("Car", "confirmed"): 10, ("Car", "named"): 10, ("animals", "named"): 8}
    assert parse(parts.label_studio.fields["label_config"]).label_names == ("Car", "Person", "animals")
    assert parts.taxonomies.current(1).by_id["animals"].labels == ("animals",)


def test_what_people_moved_in_the_taxonomy_since_stays_where_they_put_it(parts):
    parts.taxonomies.apply(1, Taxonomy((Node("animals"), Node("cars", labels=("Car",)))), "")
    insects, _ = planted(parts)
    promote(parts, 1, insects.id, "Insect", "animals")
    moved = Taxonomy((Node("animals"), Node("cars", labels=("Car",)), Node("insect", labels=("Insect",))))
    parts.taxonomies.apply(1, moved, "by hand")

    assert NOTHING in promote(parts, 1, insects.id, "Insect", "animals")[0]

    assert parts.taxonomies.current(1) == moved


def test_what_label_studio_shows_of_matches_is_written_anew_with_the_taxonomy(parts):
    insects, tools = planted(parts)
    space = source_of(parts, 1).space
    key = tools.members[0].key
    parts.matches.add(1, space, {key: Match(None, 0.1)})
    parts.matches.shown(1, space, [key])

    promote(parts, 1, insects.id, "Insect")

    assert set(parts.matches.to_show(1, space)) == {key}


def test_of_two_people_who_decide_at_once_one_is_told(parts):
    insects, _ = planted(parts)
    seen = parts.clusters.find(1, insects.id)
    dismiss(parts, 1, insects.id)

    with pytest.raises(ClusterDecided, match="not open any more"):
        parts.clusters.promote(1, replace(seen, name="Insect", node="insect"), "Insect", datetime.now(UTC))

    assert states(parts) == {"dismissed": 1, "open": 1}
    assert parts.task_states.named(1, INSECTS) == {}


def test_a_box_in_two_clusters_is_named_once(parts):
    insects, tools = planted(parts)
    both = replace(tools, members=(*tools.members, insects.members[0]))
    parts.clusters.replace(1, [insects, both], {})
    promote(parts, 1, insects.id, "Insect")

    promote(parts, 1, tools.id, "Tool")
    index(parts, 1)

    assert references(parts) == {("Car", "confirmed"): 10, ("Insect", "named"): 10, ("Tool", "named"): 8}


def test_two_clusters_of_one_name_share_node_and_view(parts):
    insects, tools = planted(parts)
    promote(parts, 1, insects.id, "Thing")

    promote(parts, 1, tools.id, "Thing")

    (view,) = parts.label_studio.views(1)
    assert sorted(item["value"] for item in view["data"]["filters"]["items"]) == [*INSECTS, *TOOLS]
    assert [node.id for node in parts.taxonomies.current(1).nodes] == ["car", "person", "thing"]


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
def test_what_cannot_be_promoted_touches_nothing(parts, name, parent, broken, error):
    insects, _ = planted(parts)
    studio = broken()

    with pytest.raises(error):
        promote(replace(parts, label_studio=studio), 1, insects.id, name, parent)

    assert states(parts) == {"open": 2}
    assert parts.taxonomies.current(1) is None
    assert studio.fields["label_config"] == CONFIG
    assert parts.task_states.named(1, INSECTS) == {}


def test_a_label_config_that_nothing_can_be_added_to_is_refused_before_anything_is_touched(parts):
    insects, _ = planted(parts)
    parts.label_studio.fields["label_config"] = "<View/>"

    with pytest.raises(LabelConfigError):
        promote(parts, 1, insects.id, "Insect")

    assert states(parts) == {"open": 2}


def steps(parts, left):
    """Parts of which everything that changes anything dies after *left* calls."""
    calls = [left]

    def dying(part, *names):
        class Dying:
            def __getattr__(self, name):
                found = getattr(part, name)
                if name not in names:
                    return found

                def call(*args, **kwargs):
                    if calls[0] == 0:
                        raise Dead
                    calls[0] -= 1
                    return found(*args, **kwargs)

                return call

        return Dying()

    return replace(
        parts,
        clusters=dying(parts.clusters, "promote"),
        taxonomies=dying(parts.taxonomies, "apply"),
        projects=dying(parts.projects, "save"),
        label_studio=dying(parts.label_studio, "update_project", "create_view", "update_view"),
        queue=dying(parts.queue, "ask_index"),
    )


class Dead(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("left", range(7))
def test_killed_anywhere_promoting_again_does_what_is_missing(parts, left):
    insects, _ = planted(parts)
    try:
        promote(steps(parts, left), 1, insects.id, "Insect")
    except Dead:
        was_killed = True
    else:
        was_killed = False

    promote(parts, 1, insects.id, "Insect")
    index(parts, 1)

    assert was_killed == (left < 6)
    assert references(parts) == {("Car", "confirmed"): 10, ("Insect", "named"): 10}
    assert [node.id for node in parts.taxonomies.current(1).nodes] == ["car", "person", "insect"]
    assert parse(parts.label_studio.fields["label_config"]).label_names == ("Car", "Person", "Insect")
    assert "Insect" in parts.projects.get(1).label_config
    assert len(parts.label_studio.views(1)) == 1


def test_projects_have_each_their_own_clusters(parts):
    insects, _ = planted(parts)
    parts.projects.save(2, "Others", CONFIG)

    with pytest.raises(UnknownClusterId):
        dismiss(parts, 2, insects.id)
    parts.clusters.replace(2, [], {})

    assert len(found(parts)) == 2
