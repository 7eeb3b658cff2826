"""The rooms are built from the settings, each with those below it."""

import pytest

from loop.settings import Settings
from loop.wiring import RoomBuilder


@pytest.mark.parametrize(
    ("room", "others"),
    [
        pytest.param("studio", set(), id="label-studio-alone"),
        pytest.param("reviews", {"studio", "vision", "registry"}, id="reviews-with-those-below"),
        pytest.param("gate", {"studio", "vision", "registry", "reviews", "datasets"}, id="gate-with-those-below"),
    ],
)
def test_one_room_is_built_with_those_below_it_alone(tmp_path, room, others):
    builder = RoomBuilder(Settings.read({"LOOP_HOME": str(tmp_path)}))

    getattr(builder, room)

    rooms = {name for name, value in vars(builder).items() if type(value).__name__.endswith("Room")}
    assert rooms == {room, "access"} | others  # who may call is known before any room is built
    builder.engine.dispose()
