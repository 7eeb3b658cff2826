"""Clusters of the unknown, what is suggested about them, and how they are shown."""

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN
from sklearn.metrics import adjusted_rand_score

from loop.discovery.cluster_policy import ClusterPolicy, Method
from loop.discovery.clustering import attach_noise, cluster, merge_clusters, reduce_dimensions
from loop.discovery.hints import find_likely_members, make_cluster_id, make_hint, node_means
from loop.discovery.neighbour_graph import NOISE, build_graph, connect_pieces
from loop.discovery.tracking import is_dismissed
from loop.errors import PayloadError
from tests.discovery.builders import groups


def test_groups_are_found_and_noise_is_left_out():
    vectors, truth = groups([60, 40, 30], noise=30)

    clustering = cluster(vectors)

    assert [group.size for group in clustering.clusters] == sorted(
        (group.size for group in clustering.clusters), reverse=True
    )
    inside = (truth != NOISE) & (clustering.labels != NOISE)
    assert inside.sum() > 0.9 * (truth != NOISE).sum()
    assert adjusted_rand_score(truth[inside], clustering.labels[inside]) > 0.9
    assert (clustering.labels[truth == NOISE] == NOISE).mean() > 0.6
    assert all(group.stability > 0.75 and 0 < group.persistence <= 1 for group in clustering.clusters)


def test_members_come_nearest_to_the_medoid_first():
    vectors, _ = groups([40, 40])

    clustering = cluster(vectors)

    for place, group in enumerate(clustering.clusters):
        assert group.members[0] == group.medoid
        assert sorted(group.members) == np.flatnonzero(clustering.labels == place).tolist()


def test_the_same_vectors_give_the_same_clusters():
    vectors, _ = groups([40, 40], noise=20)

    first, second = cluster(vectors), cluster(vectors)

    assert (first.labels == second.labels).all()
    assert [group.stability for group in first.clusters] == [group.stability for group in second.clusters]


def test_k_means_puts_everything_into_as_many_as_asked():
    vectors, truth = groups([40, 30, 20])

    clustering = cluster(vectors, ClusterPolicy(method=Method.KMEANS, clusters=3))

    assert adjusted_rand_score(truth, clustering.labels) > 0.9
    assert [group.persistence for group in clustering.clusters] == [None] * 3


def test_what_is_torn_apart_is_not_stable():
    rng = np.random.default_rng(0)
    blob = rng.normal(size=(120, 8)).astype(np.float32)

    clustering = cluster(blob, ClusterPolicy(method=Method.KMEANS, clusters=6))

    assert np.mean([group.stability for group in clustering.clusters]) < 0.75


def test_the_graph_finds_what_all_distances_find():
    vectors, _ = groups([80, 70, 60, 50, 40], noise=50)
    policy = ClusterPolicy(merge=2.0, attach=2.0, resamples=0)
    every = HDBSCAN(
        min_cluster_size=policy.least(len(vectors)),
        min_samples=policy.min_samples,
        cluster_selection_method="leaf",
        copy=True,
    )

    assert adjusted_rand_score(every.fit_predict(reduce_dimensions(vectors, 0)), cluster(vectors, policy).labels) > 0.9


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_too_few_vectors_are_no_cluster(count):
    clustering = cluster(np.ones((count, 8), np.float32))

    assert (clustering.labels.tolist(), clustering.clusters) == ([NOISE] * count, ())


def test_vectors_that_are_all_equal_do_no_harm():
    assert len(cluster(np.ones((50, 8), np.float32)).labels) == 50
    assert len(cluster(np.zeros((50, 8), np.float32)).labels) == 50


def test_copies_of_one_vector_beside_others_are_found():
    vectors, _ = groups([30, 30])
    vectors = np.concatenate([vectors, np.repeat(vectors[:1] * -1, 20, axis=0)])

    assert len(set(cluster(vectors).labels[-20:])) == 1


def test_clusters_that_are_alike_are_merged_and_noise_stays():
    east, north = [1.0, 0.0], [0.0, 1.0]
    vectors = np.array([east, east, [0.9, 0.1], [0.9, 0.1], north, north, north], np.float32)

    labels = merge_clusters(vectors, np.array([0, 0, 1, 1, 2, 2, NOISE]), 0.5)

    assert labels.tolist() == [0, 0, 0, 0, 1, 1, NOISE]


@pytest.mark.parametrize(
    ("noise", "likeness", "joins"),
    [
        ([0.9, 0.1], 0.5, 0),
        ([0.1, 0.9], 0.5, 1),
        ([-0.7, -0.7], 0.5, NOISE),
        ([0.6, 0.8], 0.995, NOISE),
        ([0.9, 0.1], 2.0, NOISE),
    ],
    ids=["the first", "the second", "opposite", "not near enough", "never"],
)
def test_noise_joins_the_cluster_that_its_nearest_are_in(noise, likeness, joins):
    vectors = np.array([[1.0, 0.0]] * 5 + [[0.0, 1.0]] * 5 + [noise], np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    labels = attach_noise(vectors, np.array([0] * 5 + [1] * 5 + [NOISE]), likeness)

    assert labels.tolist() == [0] * 5 + [1] * 5 + [joins]


def test_noise_between_two_clusters_stays_noise():
    angles = np.radians([0, 1, 2, 88, 89, 90, 45])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    assert attach_noise(vectors, np.array([0, 0, 0, 1, 1, 1, NOISE]), 0.5)[-1] == NOISE


@pytest.mark.parametrize("wrong", [{"min_samples": 0}, {"min_samples": 30}, {"least_members": 1}, {"clusters": 0}])
def test_a_policy_that_cannot_be_followed_is_refused(wrong):
    with pytest.raises(PayloadError):
        ClusterPolicy(**wrong)


def test_the_graph_is_one_piece_with_exact_distances():
    vectors, _ = groups([30, 30, 30], spread=0.01)

    graph = build_graph(vectors, 5)

    from scipy.sparse.csgraph import connected_components

    assert connected_components(graph, directed=False)[0] == 1
    rows, columns = graph.nonzero()
    assert np.allclose(graph.data, np.linalg.norm(vectors[rows] - vectors[columns], axis=1), atol=1e-2)
    assert (connect_pieces(graph, vectors) != graph).nnz == 0


def test_hundreds_of_heaps_of_copies_are_joined_in_seconds():
    heaps = np.repeat(np.random.default_rng(0).normal(size=(400, 16)), 25, axis=0).astype(np.float32)

    graph = build_graph(heaps, 5)

    from scipy.sparse.csgraph import connected_components

    assert connected_components(graph, directed=False)[0] == 1


def test_the_nearest_node_and_the_most_given_label_are_suggested():
    vectors, truth = groups([30, 30, 30])
    means = node_means(vectors, [["bird", "fish", None][group] for group in truth])
    clustering = cluster(vectors)
    birds = next(group for group in clustering.clusters if truth[group.medoid] == 0)
    labels = np.where(np.arange(len(truth)) % 3 == 0, "", "Owl").tolist()

    hint = make_hint(birds, vectors, means, labels)

    assert set(means) == {"bird", "fish"}
    assert (hint.nearest, hint.name) == ("bird", "Owl")
    assert hint.likeness > 0.9
    assert hint.agreement == pytest.approx(2 / 3, abs=0.2)
    assert make_hint(birds, vectors, {}, [""] * len(truth)).nearest is None


def test_what_is_near_a_cluster_is_likely_a_member_and_what_is_far_is_not():
    vectors, truth = groups([40, 40], noise=20, spread=0.3)
    vectors = reduce_dimensions(vectors, 0)
    labels = truth.copy()
    left_out = np.flatnonzero(truth == 0)[:10]
    labels[left_out] = NOISE

    likely = find_likely_members(vectors, labels)

    assert (likely[left_out] == 0).mean() > 0.6
    assert (likely[truth == NOISE] == NOISE).mean() > 0.9
    assert (likely[labels != NOISE] == labels[labels != NOISE]).all()


def test_a_dismissed_cluster_is_known_again_also_when_it_has_grown():
    dismissed = [frozenset("abcdef")]

    assert is_dismissed(list("abcdefgh"), dismissed)
    assert not is_dismissed(list("abuvwxyz"), dismissed)
    assert not is_dismissed([], dismissed)
    assert make_cluster_id("cab") == make_cluster_id("abc") != make_cluster_id("abd")
