"""The queue goes round groups of tasks that show like things."""

from dataclasses import replace

import pytest

from loop.discovery.discover import discover
from loop.discovery.spread import spread_queue
from loop.errors import UpstreamError
from loop.label_studio.tasks import StoredTask
from loop.references.plan import find_source
from loop.serving.refresh import refresh
from loop.serving.write_groups import write_groups
from tests.discovery.builders import INSECTS, POLICY, TOOLS, looking
from tests.fakes import FakeDetectors, FakeLabelStudio
from tests.swap import swap

VERSION = "yolo_detector@1.0.0"


@pytest.fixture
def rooms(rooms, tmp_path):
    """Open tasks, each predicted by the champion and by another version, and one that nothing was found on."""
    (tmp_path / "some.pt").write_bytes(b"weights")
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, tmp_path / "some.pt").name, "first")
    rooms = looking(rooms)
    tasks = [task(number) for number in (*INSECTS, *TOOLS, 99)]
    return swap(rooms, (rooms.studio.client, FakeLabelStudio(tasks)))


def task(number):
    predictions = [
        {"id": 2 * number, "model_version": VERSION, "cluster": None, "score": 1 / number},
        {"id": 2 * number + 1, "model_version": "yolo_detector@0.9.0", "cluster": None},
    ]
    return {"id": number, "data": {"image": f"/{number}.jpg"}, "predictions": predictions}


def spread_now(rooms):
    return spread_queue(rooms.discovery, 1, find_source(rooms.references, 1).space)


def clusters(rooms):
    """What Label Studio has of the champion by task."""
    tasks = rooms.studio.client.tasks
    return {stored["id"]: StoredTask(stored).predictions_of(VERSION)[0].group for stored in tasks}


def test_every_open_task_gets_its_group_in_what_the_champion_predicted(rooms):
    line = spread_now(rooms)

    assert line == "28 tasks in 4 groups, 19 predictions changed"
    group_of = clusters(rooms)
    assert not {group_of[number] for number in INSECTS} & {group_of[number] for number in TOOLS}
    assert group_of[99] == 0
    assert 0 not in {group_of[number] for number in (*INSECTS, *TOOLS)}
    assert {stored["predictions"][1]["cluster"] for stored in rooms.studio.client.tasks} == {None}


def test_what_is_right_is_not_written_again(rooms):
    spread_now(rooms)

    assert spread_now(rooms).endswith("0 predictions changed")
    assert len(rooms.studio.client.patched) == 19


def test_predictions_of_a_later_refresh_get_the_groups_of_the_last_discovery(rooms):
    spread_now(rooms)
    before = clusters(rooms)
    for stored in rooms.studio.client.tasks:
        stored["predictions"][0]["cluster"] = None  # as what is stored anew

    refresh(swap(rooms, (rooms.registry.detectors, FakeDetectors())).serving, 1)

    assert clusters(rooms) == before


def test_of_very_many_tasks_the_least_certain_are_written(rooms):
    rooms.serving.groups.replace(1, dict.fromkeys((*INSECTS, *TOOLS), 1))

    assert write_groups(rooms.serving, 1, most=3) == 3
    assert write_groups(rooms.serving, 1, most=3) == 0

    assert {number for number, cluster in clusters(rooms).items() if cluster is not None} == {27, 28, 99}


def test_a_project_that_was_never_spread_is_left_alone(rooms):
    assert write_groups(rooms.serving, 1) == 0
    assert rooms.studio.client.patched == []


def test_switched_off_it_takes_back_what_it_wrote_and_nothing_else(rooms):
    off = swap(rooms, (rooms.serving.policy, replace(rooms.serving.policy, is_spread=False)))
    assert spread_now(off) == ""
    assert off.studio.client.patched == []
    spread_now(rooms)

    assert spread_now(off) == "19 predictions are in no group any more"

    assert set(clusters(rooms).values()) == {None}
    assert rooms.serving.groups.all(1) == {}
    assert write_groups(off.serving, 1) == 0


class Silent(FakeLabelStudio):
    """It takes three changes, then does not answer any more."""

    def update_prediction(self, prediction_id, **changes):
        if len(self.patched) == 3:
            raise UpstreamError("Label Studio did not answer")
        super().update_prediction(prediction_id, **changes)


def test_with_label_studio_down_the_clusters_stand_and_the_next_discovery_goes_on(rooms):
    silent = swap(rooms, (rooms.studio.client, Silent(rooms.studio.client.tasks)))

    line = discover(silent.discovery, 1, POLICY)

    assert line.endswith("Label Studio did not answer")
    assert len(rooms.discovery.clusters.all(1)) == 2
    assert spread_now(rooms).endswith("16 predictions changed")
