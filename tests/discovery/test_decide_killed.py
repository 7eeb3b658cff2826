"""A promotion of a cluster, or its undo, that is killed on its way."""

import pytest

from loop.discovery.decide import promote
from loop.discovery.undo import undo
from loop.label_studio.label_config import parse
from loop.references.index import index
from tests.discovery.builders import looking, planted, references, states
from tests.swap import swap


@pytest.fixture
def rooms(rooms):
    return looking(rooms)


def steps(rooms, left):
    """Parts of which everything that changes anything dies after *left* calls."""
    calls = [left]

    def dying(part, *names):
        class Dying:
            def __getattr__(self, name):
                attribute = getattr(part, name)
                if name not in names:
                    return attribute

                def call(*args, **kwargs):
                    if calls[0] == 0:
                        raise Dead
                    calls[0] -= 1
                    return attribute(*args, **kwargs)

                return call

        return Dying()

    return swap(
        rooms,
        (rooms.discovery.clusters, dying(rooms.discovery.clusters, "promote", "begin_undo", "finish_undo")),
        (rooms.taxonomies.store, dying(rooms.taxonomies.store, "apply")),
        (rooms.studio.projects, dying(rooms.studio.projects, "save")),
        (
            rooms.studio.client,
            dying(rooms.studio.client, "update_project", "create_view", "update_view", "delete_view"),
        ),
        (rooms.queue, dying(rooms.queue, "ask_index", "ask_match")),
    )


class Dead(BaseException):
    """The process dies here."""


def dies(change, *args):
    """Whether the process dies in a change."""
    try:
        change(*args)
    except Dead:
        return True
    return False


@pytest.mark.parametrize("left", range(7))
def test_killed_anywhere_promoting_again_does_what_is_missing(rooms, left):
    insects, _ = planted(rooms)

    was_killed = dies(promote, steps(rooms, left).discovery, 1, insects.id, "Insect")
    promote(rooms.discovery, 1, insects.id, "Insect")
    index(rooms.references, 1)

    assert was_killed == (left < 6)
    assert references(rooms) == {("Car", "confirmed"): 10, ("Insect", "named"): 10}
    assert [node.id for node in rooms.taxonomies.store.current(1).nodes] == ["car", "person", "insect"]
    assert parse(rooms.studio.client.fields["label_config"]).label_names == ("Car", "Person", "Insect")
    assert "Insect" in rooms.studio.projects.get(1).label_config
    assert len(rooms.studio.client.tabs) == 1


@pytest.mark.parametrize("left", range(9))
def test_killed_anywhere_undoing_again_does_what_is_missing(rooms, left):
    insects, _ = planted(rooms)
    promote(rooms.discovery, 1, insects.id, "Insect")
    index(rooms.references, 1)

    was_killed = dies(undo, steps(rooms, left).discovery, 1, insects.id, "")
    undo(rooms.discovery, 1, insects.id, "")
    index(rooms.references, 1)

    assert was_killed == (left < 8)
    assert references(rooms) == {("Car", "confirmed"): 10}
    assert [node.id for node in rooms.taxonomies.store.current(1).nodes] == ["car", "person"]
    assert parse(rooms.studio.client.fields["label_config"]).label_names == ("Car", "Person")
    assert "Insect" not in rooms.studio.projects.get(1).label_config
    assert rooms.studio.client.tabs == []
    assert states(rooms) == {"open": 2}
