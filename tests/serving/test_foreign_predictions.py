"""What Label Studio stores as predictions, of whatever form, costs only its task."""

import pytest

from loop.errors import UpstreamError
from loop.label_studio.client import PAGE, LabelStudio
from loop.label_studio.tasks import StoredTask
from loop.serving.refresh import refresh
from loop.training.after_reviews import sync
from tests.builders import ls_task
from tests.fakes import FakeDetectors, FakeLabelStudio
from tests.label_studio.builders import boxes
from tests.label_studio.fakes import StudioModel
from tests.swap import swap

FOREIGN = [None, 7, "x", {}, {"id": 1}, [None], [3], [286, 287], [[]], [{}], [{"model_version": {"a": 1}}], True]


class Storing(FakeLabelStudio):
    """Keeps the predictions that it is sent apart from those of its tasks."""

    def store_predictions(self, project_id, predictions):
        self.stored += [prediction.as_row() for prediction in predictions]
        return len(predictions)


@pytest.fixture
def serving(rooms, tmp_path):
    (tmp_path / "some.pt").write_bytes(b"weights")
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, tmp_path / "some.pt").name, "first")
    return swap(rooms, (rooms.registry.detectors, FakeDetectors()))


@pytest.mark.parametrize("predictions", FOREIGN, ids=str)
def test_predictions_of_a_foreign_form_are_none_of_ours(predictions):
    assert not StoredTask({"id": 1, "predictions": predictions}).has("yolo_detector@1.0.0")


@pytest.mark.parametrize("predictions", FOREIGN, ids=str)
def test_tasks_with_predictions_of_a_foreign_form_are_predicted_and_compared(serving, predictions):
    studio = Storing([ls_task(1), ls_task(2, predictions=predictions)])
    refresh(swap(serving, (serving.studio.client, studio)).serving, 1)
    reviewed = StudioModel(2)
    for task in reviewed.tasks:
        reviewed.annotate(task, boxes("p"))
    reviewed.tasks[0]["predictions"] = predictions
    sync(swap(serving, (serving.studio.client, reviewed)).trainings, 1)

    assert [row["task"] for row in studio.stored] == [1, 2]
    assert list(serving.reviews.store.find_counted(1)) == [1, 2]


class Answering(LabelStudio):
    """The client of a Label Studio whose answers are given."""

    def __init__(self, *answers):
        super().__init__("http://studio.example", "k")
        self._answers = list(answers)

    def _ask(self, method, path, **request):
        return self._answers.pop(0)


def test_tasks_that_nobody_can_refer_to_are_passed_over():
    listed = [*({"id": number} for number in range(1, PAGE - 2)), {"id": None}, 7, {"id": 2**63}]
    client = Answering({"tasks": listed}, {"tasks": [{"id": PAGE}]})

    assert [task.id for task in client.open_tasks(1)] == [*range(1, PAGE - 2), PAGE]


@pytest.mark.parametrize("answer", [{}, {"tasks": None}, {"tasks": "x"}, {"tasks": [7] * PAGE}, {"detail": "hm"}])
def test_an_answer_without_tasks_is_no_answer(answer):
    with pytest.raises(UpstreamError):
        list(Answering(answer).open_tasks(1))
