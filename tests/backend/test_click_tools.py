"""Interactive calls of Label Studio's editor: answered by the version that serves, or handed on."""

import pytest

from backend.app import create_app
from loop.errors import DetectorBroken
from loop.label_studio.interactive.backend import HANDED_ON
from loop.regions import Box
from loop.serving.predictor import Predictor
from loop.serving.reference_labels import LabelVote
from loop.settings import Settings
from loop.storage.tables import predictions
from tests.backend.builders import AUTH, LOGIN
from tests.builders import read_rows
from tests.fakes import FakeDetector, FakeDetectors, FakeImages, FakeQueue
from tests.label_studio.interactive.builders import SMART, call, point, rectangle
from tests.label_studio.interactive.click_backend import ANSWER, click_backend
from tests.swap import swap

CAR, DOUBTFUL = (Box(0, 0, 0.5, 0.5), "car", 0.9), (Box(0.55, 0.55, 0.95, 0.95), "person", 0.1)


class BrokenDetectors(FakeDetectors):
    """Loads a detector that detects no more."""

    def load(self, weights, image_size=None):
        detector = FakeDetector()
        detector.detect = self.fail
        return detector

    def fail(self, images, floor):
        raise DetectorBroken("the GPU is gone")


@pytest.fixture
def opened(tmp_path):
    """Make an app whose champion sees a car, and a person that it does not show."""
    apps = []

    def open_app(detectors=None, **settings):
        app = create_app(Settings.read({"LOOP_HOME": str(tmp_path / "home"), **LOGIN, **settings}))
        built = app.extensions["rooms"]
        apps.append(built)
        rooms = swap(
            built,
            (built.queue, FakeQueue()),
            (built.vision.images, FakeImages(broken=[13])),
            (built.registry.detectors, detectors or FakeDetectors(CAR, DOUBTFUL)),
        )
        rooms.studio.projects.save(1, "Cars", call()["label_config"])
        (tmp_path / "some.pt").write_bytes(b"weights")
        rooms.registry.versions.promote(1, rooms.registry.versions.add(1, tmp_path / "some.pt").name, "first")
        app.extensions.update(rooms=rooms, predictor=Predictor(rooms.serving))
        return app

    yield open_app
    for built in apps:
        built.close()


def post(app, request, headers=AUTH):
    return app.test_client().post("/predict", json=request, headers=headers)


def ask(app, *drawn, task=1, headers=AUTH):
    return post(app, call(*drawn, task=task), headers)


def test_a_smart_rectangle_becomes_the_box_under_it_with_the_label_of_the_detector(opened):
    answer = ask(opened(), rectangle(1, 2, 47, 46, "Person"))

    (result,) = answer.json["results"]
    (region,) = result["result"]
    assert (region["type"], region["from_name"], region["to_name"]) == ("rectanglelabels", "label", "image")
    assert region["value"] == {"x": 0, "y": 0, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["Car"]}
    assert (region["score"], result["model_version"]) == (0.9, "yolo_detector@1.0.0")


class SureReferences:
    """References that know every box as an insect."""

    def while_answering(self):
        return self

    def vote(self, project_id, config, labels, suggestions):
        assert labels == ("Insect",)  # no class of the detector is one
        boxes = {each.task_id: (*each.shown, *each.hidden, *each.foreign) for each in suggestions}
        return {task: {box.id: LabelVote("Insect", 0.9) for box in found} for task, found in boxes.items()}


@pytest.mark.parametrize(
    ("references", "chosen", "given"),
    [(SureReferences(), "Car", ["Insect"]), (None, "Insect", ["Insect"]), (None, "Car", ["Car"])],
    ids=["the-references-know-it", "the-annotator-says-it", "the-annotator-says-another"],
)
def test_a_box_of_a_class_that_no_label_means_answers_a_click_too(opened, references, chosen, given):
    app = opened(FakeDetectors((Box(0.5, 0.5, 0.9, 0.9), "dog", 0.9)))
    rooms = app.extensions["rooms"]
    if references:
        app.extensions["predictor"] = Predictor(swap(rooms, (rooms.serving.matching, references)).serving)
    config = SMART.replace('<Label value="Person"/>', '<Label value="Insect"/>')

    (result,) = post(app, call(rectangle(51, 52, 38, 37, chosen), config=config)).json["results"]

    assert [region["value"]["rectanglelabels"] for region in result["result"]] == [given]


def test_a_candidate_that_is_not_shown_answers_a_click_on_it(opened):
    (result,) = ask(opened(), point(75, 75, "Car")).json["results"]

    assert [region["value"]["rectanglelabels"] for region in result["result"]] == [["Person"]]


def test_the_same_click_twice_gives_regions_of_their_own(opened):
    app = opened()

    ids = [ask(app, point(25, 25)).json["results"][0]["result"][0]["id"] for _ in range(2)]

    assert len(set(ids)) == 2


def test_a_click_where_nothing_is_has_an_empty_answer(opened):
    (result,) = ask(opened(), point(75, 5)).json["results"]

    assert (result["result"], result["score"]) == ([], 0.0)


def test_an_image_that_cannot_be_read_is_named_and_its_answer_empty(opened):
    answer = ask(opened(), point(25, 25), task=13)

    assert (answer.status_code, answer.json["results"][0]["result"]) == (200, [])
    assert "HTTP 404" in answer.json["errors"]["13"]


def test_a_detector_that_detects_no_more_gives_an_empty_answer_with_the_reason(opened):
    answer = ask(opened(BrokenDetectors()), point(25, 25))

    assert (answer.status_code, answer.json["results"][0]["result"]) == (200, [])
    assert "the GPU is gone" in answer.json["errors"]["1"]


@pytest.mark.parametrize("result", [None, "text", [None], [{}], [{"value": 1, "type": "keypoint"}]], ids=str)
def test_a_context_of_any_form_has_an_empty_answer(opened, result):
    sent = call()
    sent["params"]["context"]["result"] = result

    answer = opened().test_client().post("/predict", json=sent, headers=AUTH)

    assert (answer.status_code, answer.json["results"][0]["result"]) == (200, [])


def test_clicks_are_no_predictions_in_the_log(opened):
    app = opened()

    ask(app, point(25, 25))

    assert read_rows(app.extensions["rooms"], predictions) == []


def test_with_a_backend_for_click_tools_the_call_and_its_answer_go_through_as_they_are(opened):
    with click_backend() as server:
        answer = ask(opened(LOOP_INTERACTIVE_URL=server.url), point(25, 25, "Car"))

    ((path, headers, body),) = server.got
    assert (answer.status_code, answer.json) == (200, ANSWER)
    assert (path, body) == ("/predict", call(point(25, 25, "Car")))
    assert "Authorization" not in headers  # our own login stays here


def test_predictions_are_never_handed_on(opened):
    sent = call()
    sent["params"]["context"] = None

    with click_backend() as server:
        answer = opened(LOOP_INTERACTIVE_URL=server.url).test_client().post("/predict", json=sent, headers=AUTH)

    assert server.got == []
    assert answer.json["results"][0]["model_version"] == "yolo_detector@1.0.0"


@pytest.mark.parametrize(
    "behave",
    [lambda handler: handler.reply(500, b""), lambda handler: handler.reply(200, b"nonsense")],
    ids=["broken", "nonsense"],
)
def test_a_backend_for_click_tools_that_fails_is_named_with_502(opened, behave):
    with click_backend(behave) as server:
        answer = ask(opened(LOOP_INTERACTIVE_URL=server.url), point(25, 25))

    assert answer.status_code == 502
    assert "LOOP_INTERACTIVE_URL" in answer.json["error"]


def test_a_backend_for_click_tools_that_is_this_one_is_refused_before_it_asks_itself_for_ever(opened):
    answer = ask(opened(LOOP_INTERACTIVE_URL="http://127.0.0.1:9"), point(25, 25), headers={**AUTH, HANDED_ON: "1"})

    assert answer.status_code == 400
    assert answer.json["field"] == "LOOP_INTERACTIVE_URL"


def test_without_a_login_nothing_is_handed_on(opened):
    with click_backend() as server:
        answer = ask(opened(LOOP_INTERACTIVE_URL=server.url), point(25, 25), headers={})

    assert (answer.status_code, server.got) == (401, [])
