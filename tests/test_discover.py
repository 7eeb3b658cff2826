"""Clusters of what nothing has a name for: found, shown, promoted, dismissed."""

import hashlib
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from loop.adapters.cluster_log import ClusterState
from loop.adapters.review_log import TASK
from loop.decisions.clustering import ClusterPolicy, Method
from loop.decisions.discovery import Suggestion, cluster_id
from loop.decisions.embedding import Kind
from loop.decisions.label_config import parse
from loop.decisions.matching import Match
from loop.decisions.taxonomy import Node, Taxonomy
from loop.decisions.unknown import UnknownCluster
from loop.errors import ClusterDecided, LabelConfigError, Refused, TaxonomyError, UnknownClusterId
from loop.use_cases.clusters import NOTHING, dismiss, promote
from loop.use_cases.discover import discover
from loop.use_cases.gather_unknown import gather
from loop.use_cases.index import index
from loop.use_cases.plan_vectors import source_of
from loop.use_cases.review import judge_tasks
from tests.builders import CONFIG, NOON, box, region, review, served
from tests.fake_vectors import FakeEmbedders, FakeReferences
from tests.fakes import FakeImages, FakeLabelStudio

INSECTS, TOOLS = list(range(11, 21)), list(range(21, 29))
POLICY = ClusterPolicy(resamples=3)
ROWS = {"car": 0.1, "insect": 0.4, "tool": 0.7}  # what a box shows, by how far down it is


class Looks(FakeEmbedders):
    """Vectors that tell what a box shows by the row that it is in, with a little of each box's own."""

    dimension = 16

    def _vector(self, shown):
        own = np.frombuffer(hashlib.sha256(repr(shown).encode()).digest()[:16], np.uint8) / 2550
        row = min(range(len(ROWS)), key=lambda one: abs(shown.y0 - list(ROWS.values())[one]))
        return own.astype(np.float32) + np.eye(16, dtype=np.float32)[row]


@pytest.fixture
def parts(parts):
    """Ten tasks with a reviewed car; on others the detector doubts what it sees: ten insects, eight tools."""
    parts = replace(parts, embedders=Looks(), references=FakeReferences(), label_studio=FakeLabelStudio())
    for task in range(1, 11):
        predicted(parts, task, ("Car", at("car", task), 0.9))
        reviewed(parts, task, ("Car", at("car", task)))
    for task in range(11, 21):
        predicted(parts, task, ("Person", at("insect", task), 0.1))
    for task in range(21, 29):
        predicted(parts, task, ("Car", at("tool", task), 0.3))
    index(parts, 1)
    return parts


def at(what, task, move=0.0):
    left = 0.1 + 0.02 * (task % 20) + move
    return box(left, ROWS[what], left + 0.2, ROWS[what] + 0.2)


def predicted(parts, task, *found, version="yolo_detector@1.0.0", minutes=-10):
    regions = [region(f"{task}-{n}", label, where, score) for n, (label, where, score) in enumerate(found)]
    one = served(task=task, image=f"/{task}.jpg", version=version, minutes=minutes)
    shown, held = ([one for one in regions if (one.score >= 0.25) is is_shown] for is_shown in (True, False))
    parts.predictions.append([replace(one, regions=tuple(shown), candidates=tuple(held))])


def reviewed(parts, task, *drawn, edited=5, **fields):
    regions = [region(f"{task}-{n}", label, where) for n, (label, where) in enumerate(drawn)]
    one = review(*regions, annotation=task, task=task, edited=edited, **fields)
    parts.reviews.record(one, {"image": f"/{task}.jpg"})
    judge_tasks(parts, 1, [task])


def unknown_tasks(parts):
    return sorted(one.task for one in gather(parts, 1, source_of(parts, 1).space).members)


def found(parts, state=ClusterState.OPEN):
    return [one.found for one in parts.clusters.all(1, state)]


def discovered(parts):
    """The insects and the tools, as a discovery finds them."""
    discover(parts, 1, POLICY)
    insects, tools = found(parts)
    return insects, tools


def planted(parts):
    """The same in the records alone, without clustering: for tests of what comes after."""
    clusters = []
    for tasks in (INSECTS, TOOLS):
        members = [one for one in gather(parts, 1, source_of(parts, 1).space).members if one.task in tasks]
        name = cluster_id([one.key for one in members])
        clusters.append(UnknownCluster(name, tuple(members), (), 0.9, 0.9, Suggestion("car", 0.5, "", 0.0)))
    parts.clusters.replace(1, clusters, {})
    return clusters


def tasks_of(cluster):
    return sorted(one.task for one in cluster.members)


def references(parts):
    collection = parts.references.find(1, Kind.REFERENCES, source_of(parts, 1).space)
    return Counter((entry.label, entry.verdict) for entry, _ in collection.rows.values())


def states(parts):
    return Counter(str(one.state) for one in parts.clusters.all(1))


def test_what_nothing_has_a_name_for_becomes_clusters(parts):
    line = discover(parts, 1, POLICY)

    assert line.startswith("2 clusters of 18 among 18 unknown boxes"), line
    insects, tools = found(parts)
    assert (tasks_of(insects), tasks_of(tools)) == (INSECTS, TOOLS)
    hint = insects.suggestion
    assert (hint.name, hint.agreement, hint.nearest) == ("Person", 1.0, "car")
    sheets = {f"cluster-{one.id}.jpg" for one in (insects, tools)}
    assert {path.name for path in parts.discoveries.path(1).iterdir()} == {*sheets, "map.png", "map.html"}


def test_nothing_is_embedded_for_it(parts):
    before = len(parts.embedders.shown)

    discover(parts, 1, POLICY)

    assert len(parts.embedders.shown) == before


def test_the_same_again_gives_the_same_clusters(parts):
    before = discovered(parts)

    assert discovered(parts) == before
    assert states(parts) == {"open": 2}


def test_what_matches_a_node_is_no_unknown(parts):
    space = source_of(parts, 1).space
    keys = {one.task: one.key for one in gather(parts, 1, space).members}
    parts.matches.add(1, space, {keys[11]: Match("car", 0.9), keys[12]: Match(None, 0.1)})

    assert unknown_tasks(parts) == list(range(12, 29))


def test_what_a_reviewer_kept_is_known_and_what_looks_like_it_now(parts):
    reviewed(parts, 13, ("Person", at("insect", 13)))
    index(parts, 1)

    line = discover(parts, 1, POLICY)

    assert "among 8 unknown boxes, 9 match a node by now" in line
    assert unknown_tasks(parts) == TOOLS


def test_a_box_that_a_reviewer_deleted_may_be_of_something_without_a_label(parts):
    reviewed(parts, 21)
    index(parts, 1)

    assert 21 in unknown_tasks(parts)


def test_one_object_counts_once_by_its_surest_box_or_as_a_person_drew_it(parts):
    predicted(parts, 40, ("Car", at("insect", 40), 0.2), ("Person", at("insect", 40, 0.01), 0.4))
    parts.taxonomies.apply(1, Taxonomy((Node("people", labels=("Person",)),)), "")  # nothing matches a car
    predicted(parts, 41, ("Car", at("insect", 41), 0.1))
    reviewed(parts, 41, ("Car", at("insect", 41, 0.02)))
    index(parts, 1)

    members = [one for one in gather(parts, 1, source_of(parts, 1).space).members if one.task >= 40]

    assert [(one.task, one.label, one.score) for one in members] == [(41, "Car", 0.0), (40, "Person", 0.4)]


def test_a_drawn_box_whose_label_is_in_no_node_is_unknown(parts):
    parts.taxonomies.apply(1, Taxonomy((Node("cars", labels=("Car",)),)), "")
    reviewed(parts, 40, ("Person", at("insect", 40)), ("Car", at("car", 40)))
    index(parts, 1)

    members = [one for one in gather(parts, 1, source_of(parts, 1).space).members if one.task == 40]

    assert [(one.label, one.box) for one in members] == [("Person", at("insect", 40))]


def test_with_too_little_or_nothing_to_embed_with_or_milvus_down_a_line_says_so(parts, tmp_path):
    discover(parts, 1, POLICY)
    down = replace(parts, references=FakeReferences())
    down.references.is_down = True
    off = replace(parts, embedders=type("None", (), {"space": lambda *_: None, "is_off": True})())

    assert "did not answer" in discover(down, 1, POLICY)
    assert "nothing to embed with" in discover(off, 1, POLICY)
    assert len(found(parts)) == 2  # what cannot look leaves what was found alone
    parts.projects.save(2, "Others", CONFIG)
    assert discover(parts, 2, POLICY) == "0 unknown boxes are too few for a cluster"
    assert len(found(parts)) == 2


def test_clusters_whose_boxes_have_a_name_by_now_go_with_their_sheets(parts):
    insects, _ = discovered(parts)
    for task in (*INSECTS, *TOOLS):
        reviewed(parts, task, ("Person", at("insect", task)), ("Car", at("tool", task)))
    index(parts, 1)

    line = discover(parts, 1, POLICY)

    assert "too few" in line
    assert found(parts) == []
    assert not parts.discoveries.sheet(1, insects.id).exists()


def test_an_image_that_is_gone_costs_only_itself(parts):
    line = discover(replace(parts, images=FakeImages(broken=[11, 21])), 1, POLICY)

    assert "2 images could not be had" in line
    assert [one.size for one in found(parts)] == [10, 8]


def test_k_means_puts_everything_in_as_many_clusters_as_asked_for(parts):
    discover(parts, 1, ClusterPolicy(method=Method.KMEANS, clusters=3, resamples=0))

    assert sum(one.size for one in found(parts)) == 18
    assert len(found(parts)) == 3


def test_new_clusters_are_told_once(parts):
    parts = replace(parts, outbox=type(parts.outbox)(parts.engine, ["http://receiver.example"]))

    discover(parts, 1, POLICY)
    discover(parts, 1, POLICY)

    (told,) = parts.outbox.last()
    assert told.notice.kind == "clusters.found"
    assert [one["size"] for one in told.notice.data["clusters"]] == [10, 8]


def test_a_cluster_that_grew_keeps_its_id(parts):
    insects, _ = discovered(parts)
    for task in range(30, 34):
        predicted(parts, task, ("Person", at("insect", task), 0.1))
    index(parts, 1)

    grown, _ = discovered(parts)

    assert (grown.id, grown.size) == (insects.id, 14)


def test_a_dismissed_cluster_does_not_come_back(parts):
    insects, _ = discovered(parts)
    assert "does not come back" in dismiss(parts, 1, insects.id[:4])
    for task in range(30, 34):
        predicted(parts, task, ("Person", at("insect", task), 0.1))
    index(parts, 1)

    line = discover(parts, 1, POLICY)

    assert "1 dismissed ones left out" in line
    assert [tasks_of(one) for one in found(parts)] == [TOOLS]
    (gone,) = found(parts, ClusterState.DISMISSED)
    assert tasks_of(gone) == [*INSECTS, *range(30, 34)]  # it grew


def test_a_dismissed_cluster_stays_away_when_another_version_moves_its_boxes_and_another_embedder_sees_them(parts):
    insects, _ = discovered(parts)
    dismiss(parts, 1, insects.id)
    for task in INSECTS:
        moved = at("insect", task, 0.03)
        predicted(parts, task, ("Car", moved, 0.3), version="yolo_detector@1.1.0", minutes=30)
    parts.embedders.fingerprint = "2" * 64
    index(parts, 1)

    discover(parts, 1, POLICY)

    assert [tasks_of(one) for one in found(parts)] == [TOOLS]


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
    assert sorted(view["data"]["filters"]["items"][0]["value"]) == INSECTS
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


def test_two_clusters_of_one_name_share_node_and_view(parts):
    insects, tools = planted(parts)
    promote(parts, 1, insects.id, "Thing")

    promote(parts, 1, tools.id, "Thing")

    (view,) = parts.label_studio.views(1)
    assert sorted(view["data"]["filters"]["items"][0]["value"]) == [*INSECTS, *TOOLS]
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


def test_a_review_begun_after_the_naming_says_more_than_the_naming(parts):
    insects, _ = planted(parts)
    promote(parts, 1, insects.id, "Insect")
    index(parts, 1)
    reviewed(parts, 11, ("Car", at("car", 11)))  # at noon of a day before: who made it could not know the label
    ahead = (datetime.now(UTC) - NOON).total_seconds() / 60
    reviewed(parts, 12, ("Car", at("car", 12)), edited=ahead + 10, lead_time=60.0)
    reviewed(parts, 13, ("Car", at("car", 13)), edited=ahead + 10, lead_time=7200.0)  # begun before, sent after

    index(parts, 1)

    assert references(parts) == {("Car", "confirmed"): 10, ("Car", "missed"): 3, ("Insect", "named"): 9}


def test_the_named_boxes_of_a_deleted_task_go(parts):
    insects, _ = planted(parts)
    promote(parts, 1, insects.id, "Insect")
    index(parts, 1)

    parts.reviews.delete(1, TASK, {11: datetime.now(UTC)})
    index(parts, 1)

    assert references(parts)["Insect", "named"] == 9


def test_named_boxes_of_another_image_are_not_those_of_the_task(parts):
    insects, _ = planted(parts)
    promote(parts, 1, insects.id, "Insect")
    one = served(region("x", "Car", at("car", 11), 0.9), task=11, image="/other.jpg", minutes=30)
    parts.predictions.append([one])

    index(parts, 1)

    assert references(parts)["Insect", "named"] == 9


def test_projects_have_each_their_own_clusters(parts):
    insects, _ = planted(parts)
    parts.projects.save(2, "Others", CONFIG)

    with pytest.raises(UnknownClusterId):
        dismiss(parts, 2, insects.id)
    parts.clusters.replace(2, [], {})

    assert len(found(parts)) == 2
