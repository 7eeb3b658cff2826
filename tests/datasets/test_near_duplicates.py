"""Near-duplicates by the vectors of whole images, and beside the hashes."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.datasets.near_duplicates import STEPS, ImageVectors, NearByEither, NearByHash, NearByVector
from loop.datasets.splits import Leak, Side, join_families, list_leaks
from loop.vision.embedding import normalise

LEAST = 0.95


def directions(count, seed=0, dimension=64):
    """Vectors that are far from each other, as those of different photos are."""
    return np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)


def turned(vector, cosine, seed=9):
    """A vector at that cosine to another one."""
    unit = vector / np.linalg.norm(vector)
    beside = np.random.default_rng(seed).normal(size=unit.shape)
    beside -= (beside @ unit) * unit
    return cosine * unit + np.sqrt(1 - cosine**2) * beside / np.linalg.norm(beside)


def halves(vectors):
    return normalise(np.stack(vectors)).astype(np.float16)


def alike(vectors, least=LEAST):
    return NearByVector(halves(vectors), np.arange(len(vectors)), least)


def families(twins, count):
    return join_families([None] * count, twins).labels.tolist()


def test_vectors_within_the_cosine_are_one_family_and_others_are_not():
    vector, other, *rest = directions(30)

    labels = families(alike([vector, turned(vector, 0.96), other, turned(other, 0.94), *rest]), 32)

    assert labels[0] == labels[1]
    assert len(set(labels)) == 31


def test_a_chain_of_frames_is_one_family():
    frames = [directions(1)[0]]
    for step in range(9):
        frames.append(turned(frames[-1], 0.96, seed=step))

    labels = families(alike([*frames, *directions(40, seed=5)]), 50)

    assert len(set(labels[:10])) == 1
    assert len(set(labels)) == 41


def test_a_task_without_a_vector_is_like_nothing():
    vector = directions(1)[0]
    embedded = ImageVectors({7: 0, 8: 1}, halves([vector, vector]), LEAST)

    labels = families(embedded.among([7, 99, 8, 98]), 4)

    assert labels[0] == labels[2]
    assert len(set(labels)) == 3
    assert len(set(families(ImageVectors({}, np.zeros((0, 1), np.float16), LEAST).among([1, 2]), 2))) == 2


def test_vectors_that_are_alike_on_most_images_do_not_make_one_family_of_all():
    place = directions(1)[0]
    fixed = [turned(place, 0.985, seed=n) for n in range(300)]

    twins = NearByEither(NearByHash([None] * 400, 4), alike([*fixed, *directions(100, seed=1)]))

    assert max(np.bincount(families(twins, 400))) <= 200


@pytest.mark.parametrize("bits", [-1, 0, 4, 10])
def test_either_way_makes_twins_and_a_chain_may_go_both_ways(bits):
    vector, *rest = directions(30)
    vectors = [vector, turned(vector, 0.96), *rest]
    looks = [None, 12345, 12345, *[None] * 28]

    labels = families(NearByEither(NearByHash(looks, bits), alike(vectors)), 31)

    assert labels[0] == labels[1]
    assert (labels[1] == labels[2]) is (bits >= 0)
    assert len(set(labels)) == (29 if bits >= 0 else 30)


@given(st.integers(0, 12), st.integers(1, 5), st.sampled_from([0.3, 0.6]), st.sampled_from([0, 100]))
def test_tiles_and_projections_find_what_all_pairs_find(count, seed, least, few):
    vectors = halves(directions(count, seed, 4)) if count else np.zeros((0, 4), np.float16)
    twins = NearByVector(vectors, np.arange(count), least, tile=3, few=few)

    labels = twins.link_chains(np.arange(count), STEPS)
    pairs = twins.pair_nearest(np.arange(0, count, 2), np.arange(1, count, 2), STEPS)

    cosines = vectors.astype(np.float32) @ vectors.astype(np.float32).T
    reached = cosines >= least
    for _ in range(count):
        reached = reached.astype(int) @ reached.astype(int) > 0
    assert ((labels[:, None] == labels[None, :]) == reached).all()
    across = cosines[::2, 1::2]
    best = {2 * at: row.max() for at, row in enumerate(across) if len(row) and row.max() >= least}
    assert {one: cosines[one, other] for one, other, _ in pairs} == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("kinds", [1, 5, 300], ids=["all-alike", "groups", "far-apart"])
def test_projections_rule_out_no_near_duplicate(kinds):
    rng = np.random.default_rng(kinds)
    centres = directions(kinds, seed=1, dimension=96)
    near = [turned(centres[rng.integers(kinds)], rng.uniform(0.94, 0.99), seed) for seed in range(300)]
    vectors, rows = halves([*centres, *near]), np.arange(kinds + 300)

    labels = NearByVector(vectors, rows, LEAST, tile=50, few=0).link_chains(rows, STEPS)

    assert (labels == NearByVector(vectors, rows, LEAST).link_chains(rows, STEPS)).all()
    assert len(set(labels.tolist())) < len(rows)


def test_a_vector_that_hardly_leaves_the_directions_of_the_others_keeps_its_near_duplicates():
    axes = np.linalg.qr(directions(256, dimension=256))[0]
    inside = directions(3000, seed=1, dimension=32) @ axes[:32]  # as many directions as a projection has
    beside, outside = inside[1:601:2], directions(300, seed=2, dimension=224) @ axes[32:]
    near = [a + b for a, b in zip(normalise(beside), 3e-4 * normalise(outside), strict=True)]
    far = [0.8 * a + 0.6 * b for a, b in zip(normalise(near), normalise(outside), strict=True)]
    inside[1:601:2], inside[601:1201:2] = near, far
    vectors, rows = halves(inside), np.arange(3000)
    cosines = np.einsum("ij,ij->i", *vectors[[rows[1:601:2], rows[601:1201:2]]].astype(np.float64))

    labels = NearByVector(vectors, rows, float(cosines.min()) - 1e-6, few=0).link_chains(rows, STEPS)

    assert (labels[1:601:2] == labels[601:1201:2]).all()


def test_a_twin_by_its_vector_is_a_leak_with_its_similarity():
    vector, *rest = directions(30)
    vectors = [vector, turned(vector, 0.955), turned(vector, 0.975), *rest]
    looks = [None] * 32
    sides = [Side.TRAIN, Side.HELD_OUT, Side.HELD_OUT, *[Side.TRAIN] * 29]
    twins = NearByEither(NearByHash(looks, 4), alike(vectors))

    leaks = list_leaks(list(range(100, 132)), sides, [None] * 32, join_families([None] * 32, twins), twins)

    assert leaks == [Leak(102, 100, "near-duplicate, cosine 0.975")]


def test_ten_thousand_vectors_are_compared_in_seconds_without_all_pairs_at_once():
    vectors = directions(9_000, dimension=512)
    twins = NearByEither(NearByHash([None] * 10_000, 4), alike([*vectors, *(vectors[:1000] + 0.01)]))
    tracemalloc.start()
    began = time.monotonic()

    labels = families(twins, 10_000)

    seconds, peak = time.monotonic() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 20
    assert peak < 10_000 * 10_000 / 2
    assert len(set(labels)) == 9_000
