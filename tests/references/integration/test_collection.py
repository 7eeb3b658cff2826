"""What the adapter promises of collections holds on a real Milvus Lite."""

import shutil
import time
from contextlib import closing

import numpy as np
import pytest

from loop.errors import MilvusDown
from loop.references.entries import CollectionKind, Entry
from loop.references.milvus_client import Milvus
from loop.references.milvus_format import IndexPolicy
from loop.vision.embedding import Space, normalise
from tests.references.integration.milvus import MilvusProcess

pytestmark = pytest.mark.timeout(120)

OURS, OTHER = Space("one", "1" * 64), Space("other", "2" * 64)
DIMENSION = 16


@pytest.fixture
def references(milvus):
    made = Milvus(milvus.address, seconds=5.0, policy=IndexPolicy(graph_above=50))
    yield made
    for name in made.ask("list_collections"):
        for alias in made.ask("list_aliases", name)["aliases"]:
            made.ask("drop_alias", alias)
        made.ask("drop_collection", name)
    made.close()


@pytest.fixture
def collection(references):
    return references.create(1, CollectionKind.REFERENCES, OURS, DIMENSION)


def entry(key, label="Car", task=1, **more):
    return Entry(key=key, task=task, region=f"r{key}", label=label, **more)


def vectors(count, seed=0):
    return normalise(np.random.default_rng(seed).normal(size=(count, DIMENSION)))


def soon(call):
    """What a call gives when Milvus is back: gRPC looks again twice a second."""
    deadline = time.monotonic() + 5
    while True:
        try:
            return call()
        except MilvusDown:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_an_entry_comes_back_as_it_was_written(collection):
    strange = "Motor\"rad\\ 'ü\n日本 a" + "ß" * 9000
    written = [entry("a", strange, version="v@1", score=0.5, verdict="confirmed", node="x/y"), entry("b")]

    collection.upsert(written, vectors(2))

    rows = collection.get(["a", "b", "c"])
    assert rows.keys() == {"a", "b"}
    assert rows["b"][0] == written[1]
    assert strange.startswith(rows["a"][0].label)
    assert len(rows["a"][0].label.encode()) > 16_000
    np.testing.assert_allclose(rows["a"][1], vectors(2)[0], atol=1e-6)
    assert [one.key for one in next(collection.pages())[0]] == ["a", "b"]


def test_the_same_key_twice_is_one_entry(collection):
    collection.upsert([entry("a", "Car")], vectors(1))

    collection.upsert([entry("a", "Person")], vectors(1, seed=1))

    assert collection.count() == 1
    assert collection.get(["a"])["a"][0].label == "Person"


def test_the_nearest_come_first(collection):
    made = vectors(20)
    collection.upsert([entry(f"{n:02d}", task=n) for n in range(20)], made)

    neighbours = collection.search(made[4:6], 5)

    assert [near[0].entry.key for near in neighbours] == ["04", "05"]
    assert neighbours[0][0].similarity == pytest.approx(1, abs=1e-5)


def test_an_empty_collection_and_one_entry_only_can_be_searched(collection):
    assert collection.search(vectors(2), 5) == [[], []]

    collection.upsert([entry("a")], vectors(1))

    assert [len(found) for found in collection.search(vectors(2), 5)] == [1, 1]


def test_pages_give_every_entry_once(collection):
    collection.upsert([entry(f"{n:04d}", task=n) for n in range(230)], vectors(230))

    pages = [[one.key for one in entries] for entries, _ in collection.pages(size=100)]

    assert [len(page) for page in pages] == [100, 100, 30]
    assert len({key for page in pages for key in page}) == 230
    assert collection.keys() == {f"{n:04d}" for n in range(230)}


def test_deleted_entries_are_gone_and_deleting_again_is_no_matter(collection):
    collection.upsert([entry("a"), entry("b")], vectors(2))

    collection.delete(["a", "never"])
    collection.delete(["a"])

    assert collection.keys() == {"b"}


def test_placing_sets_the_node_and_nothing_else(collection):
    collection.upsert([entry("a", verdict="missed"), entry("b")], vectors(2))

    collection.place({"a": "animals/birds", "never": "x"})

    assert collection.get(["a"])["a"][0] == entry("a", verdict="missed", node="animals/birds")
    assert collection.get(["b"])["b"][0].node == ""


def test_the_index_becomes_a_graph_when_the_collection_has_grown(collection):
    collection.upsert([entry(f"{n:03d}") for n in range(50)], vectors(50))
    assert collection.fit_index() == "FLAT"

    collection.upsert([entry(f"{n:03d}") for n in range(60)], vectors(60))
    assert collection.fit_index() == "HNSW"

    assert [found[0].entry.key for found in collection.search(vectors(60)[:3], 2)] == ["000", "001", "002"]
    collection.delete([f"{n:03d}" for n in range(30)])
    assert collection.fit_index() == "HNSW"  # it is not built again for coming and going


def test_another_embedder_has_another_collection_and_the_alias_moves_once(references, collection):
    collection.upsert([entry("a")], vectors(1))
    references.follow(1, OURS)
    new = references.create(1, CollectionKind.REFERENCES, OTHER, 8)

    assert new.count() == 0
    assert references.current(1, CollectionKind.REFERENCES).space == OURS
    assert references.follow(1, OTHER) == []
    assert references.current(1, CollectionKind.REFERENCES).space == OTHER
    assert references.find(1, CollectionKind.REFERENCES, OURS).count() == 1  # kept, to go back to

    third = Space("third", "3" * 64)
    references.create(1, CollectionKind.REFERENCES, third, 4)
    assert references.follow(1, third) == [OURS.fingerprint]
    assert references.find(1, CollectionKind.REFERENCES, OURS) is None
    references.drop(1, CollectionKind.REFERENCES, third)
    assert references.current(1, CollectionKind.REFERENCES) is None


def test_projects_and_kinds_do_not_mix(references, collection):
    collection.upsert([entry("a")], vectors(1))

    assert references.create(1, CollectionKind.DETECTIONS, OURS, DIMENSION).count() == 0
    assert references.create(11, CollectionKind.REFERENCES, OURS, DIMENSION).count() == 0
    assert references.follow(1, OURS) == []
    assert references.find(11, CollectionKind.REFERENCES, OURS).count() == 0


def test_what_was_acknowledged_survives_kill_9_and_the_connection_comes_back(milvus, references, collection):
    acknowledged = set()
    for n in range(5):
        for batch in range(4):
            keys = [f"{n}-{batch}-{one}" for one in range(50)]
            collection.upsert([entry(key) for key in keys], vectors(50, seed=n))
            acknowledged |= set(keys)
        milvus.kill()
        with pytest.raises(MilvusDown, match="loop up"):
            collection.count()
        milvus.start()
        assert soon(collection.keys) == acknowledged  # the same object, with no word that there was a restart


def test_a_frozen_milvus_is_given_up_in_time(milvus):
    slow = Milvus(milvus.address, seconds=2.0)
    known = slow.create(2, CollectionKind.REFERENCES, OURS, DIMENSION)
    milvus.freeze()
    began = time.monotonic()

    try:
        for call in (lambda: known.search(vectors(1), 3), known.keys, lambda: next(known.pages())):
            with pytest.raises(MilvusDown):
                call()
    finally:
        milvus.thaw()

    assert time.monotonic() - began < 3 * 4
    assert soon(lambda: known.search(vectors(1), 3)) == [[]]
    slow.close()


def test_a_milvus_in_a_folder_with_a_long_and_odd_path_is_reached(tmp_path):
    process = MilvusProcess(tmp_path / "a ?b%20c#d 'é\" *" / ("n" * 100) / ("n" * 100))
    process.start()
    try:
        with closing(Milvus(process.address)) as client:
            assert client.answers()
            assert client.ask("list_collections") == []
    finally:
        process.stop()


def test_a_collection_that_a_kill_left_half_made_is_made_afterwards(tmp_path):
    server = MilvusProcess(tmp_path / "milvus")
    server.start()
    try:
        with closing(Milvus(server.address)) as references:
            references.create(1, CollectionKind.REFERENCES, OURS, DIMENSION)
        server.kill()
        for folder in (server.folder / "data" / "collections").iterdir():  # as before its schema was written
            shutil.rmtree(folder)
            folder.mkdir()
        server.start()

        with closing(Milvus(server.address)) as references:
            made = references.create(1, CollectionKind.REFERENCES, OURS, DIMENSION)
            made.upsert([entry("a")], vectors(1))
            assert made.count() == 1
    finally:
        server.stop()
