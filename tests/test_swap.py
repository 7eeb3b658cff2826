"""What a test exchanges was there before."""

from dataclasses import dataclass

import pytest

from tests.swap import swap


@dataclass(frozen=True)
class Upper:
    lower: object
    own: object


@pytest.fixture
def shared():
    return object()


def test_an_object_is_exchanged_wherever_it_is_held(shared):
    inner = Upper(shared, "own")

    swapped = swap(Upper(inner, shared), (shared, "new"))

    assert swapped == Upper(Upper("new", "own"), "new")


def test_a_room_without_the_object_stays_the_same(shared):
    inner = Upper("a", "b")

    assert swap(Upper(inner, shared), (shared, "new")).lower is inner


def test_an_object_that_nothing_holds_is_refused(shared):
    with pytest.raises(LookupError, match="no room holds"):
        swap(Upper(1, 2), (shared, "new"))
