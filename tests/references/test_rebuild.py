"""What Milvus has beside the records: compared, and made anew."""

import pytest

from loop.references.entries import CollectionKind
from loop.references.index import build, index, rebuild
from loop.vision.embedding import Space
from tests.builders import region
from tests.references.builders import LEFT, entries, predicted, reviewed
from tests.references.fakes import FakeReferences
from tests.swap import swap
from tests.vision.fakes import FakeEmbedders


@pytest.fixture
def rooms(rooms):
    return swap(rooms, (rooms.vision.embedders, FakeEmbedders()), (rooms.references.milvus, FakeReferences()))


def test_another_embedder_makes_another_collection_and_going_back_costs_nothing(rooms):
    predicted(rooms)
    index(rooms.references, 1)
    first = rooms.vision.embedders.fingerprint

    rooms.vision.embedders.fingerprint = "2" * 64
    index(rooms.references, 1)

    old, new = (
        rooms.references.milvus.find(1, CollectionKind.DETECTIONS, Space("", name)) for name in (first, "2" * 64)
    )
    assert {one[0] for one in rooms.vision.embedders.shown} == {first, "2" * 64}
    assert len(old.rows) == len(new.rows) == 3
    assert not set(old.rows) & set(new.rows)
    assert rooms.references.milvus.current(1, "detections") is new
    rooms.vision.embedders.fingerprint = first
    index(rooms.references, 1)
    assert len(rooms.vision.embedders.shown) == 6
    assert rooms.references.milvus.current(1, "detections") is old


def test_what_milvus_lost_is_made_again(rooms):
    predicted(rooms)
    index(rooms.references, 1)
    rows = rooms.references.milvus.find(1, CollectionKind.DETECTIONS, rooms.vision.embedders.space("", None)).rows
    lost = next(iter(rows))
    del rows[lost]

    assert "1 that Milvus lost are due again" in index(rooms.references, 1).line
    index(rooms.references, 1)

    assert lost in rows


def test_a_build_compares_every_key_and_deletes_what_nobody_wants(rooms):
    predicted(rooms)
    index(rooms.references, 1)
    rows = rooms.references.milvus.find(1, CollectionKind.DETECTIONS, rooms.vision.embedders.space("", None)).rows
    key = next(iter(rows))
    rows["foreign"] = rows.pop(key)

    build(rooms.references, 1)

    assert len(rows) == 3
    assert "foreign" not in rows
    assert key in rows


def test_a_rebuild_makes_the_same_again(rooms):
    predicted(rooms)
    reviewed(rooms, region("1l", "Car", LEFT))
    index(rooms.references, 1)
    before = {kind: entries(rooms, kind) for kind in CollectionKind}

    rebuild(rooms.references, 1)

    assert {kind: entries(rooms, kind) for kind in CollectionKind} == before
    assert len(rooms.vision.embedders.shown) == 6
