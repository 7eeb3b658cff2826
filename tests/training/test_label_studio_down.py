"""A training that meets a Label Studio that is down, whose images are not cached."""

import pytest

from loop.datasets.assemble import assemble_verified
from loop.errors import EmptySnapshot, LabelStudioDown, Refused, UpstreamError
from loop.training.retrain import ATTEMPTS, retrain
from tests.fakes import FakeLabelStudio
from tests.swap import swap
from tests.training.builders import last, review_tasks


class Failing(FakeLabelStudio):
    """Answers a request for a project by an error."""

    def __init__(self, error):
        super().__init__()
        self._error = error

    def project(self, project_id):
        raise self._error


@pytest.fixture
def reviewed(rooms):
    """Eight reviews, whose images are in the cache, and a training asked for."""
    review_tasks(rooms, range(1, 9))
    rooms.trainings.store.ask(1, "by hand")
    return rooms


def lose_images(rooms, error, tasks):
    """Take images out of the cache while Label Studio answers by an error."""
    for task in tasks:
        rooms.vision.cache.find(1, task, f"/data/upload/1/{task}.jpg").path.unlink()
    return swap(rooms, (rooms.studio.client, Failing(error)))


def count_images(rooms):
    snapshot = assemble_verified(rooms.datasets, 1, lambda: None)
    return sum(snapshot.report["images"].values()), snapshot.report["left_out_counts"]


DOWN = {"no answer": UpstreamError("down"), "a proxy": Refused("down", 502), "another key": Refused("down", 401)}


@pytest.mark.parametrize("error", DOWN.values(), ids=DOWN)
@pytest.mark.parametrize("lost", [range(7, 9), range(1, 9)], ids=["some images", "all images"])
def test_it_waits_and_learns_all_images_when_label_studio_is_back(reviewed, lost, error):
    down = lose_images(reviewed, error, lost)

    for _ in range(ATTEMPTS + 2):
        with pytest.raises(LabelStudioDown, match="down"):
            retrain(down.trainings, 1)

    assert (last(reviewed).ended_at, last(reviewed).snapshot) == (None, None)
    review_tasks(reviewed, lost)
    assert count_images(reviewed) == (8, {})


def test_images_that_label_studio_does_not_have_are_left_out(reviewed):
    lost = lose_images(reviewed, Refused("404: no such project", 404), range(7, 9))

    assert count_images(lost) == (6, {"the image cannot be read": 2})


def test_without_missing_images_label_studio_is_not_asked(reviewed):
    assert count_images(lose_images(reviewed, UpstreamError("connection refused"), ())) == (8, {})


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_reviews_are_told_without_asking_label_studio(rooms, count):
    review_tasks(rooms, range(count))
    down = swap(rooms, (rooms.studio.client, Failing(UpstreamError("connection refused"))))

    with pytest.raises(EmptySnapshot, match=f"{count} usable of {count} reviewed tasks"):
        count_images(down)
