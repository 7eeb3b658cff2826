"""Reviews in bulk of a project with aliases and several controls."""

import pytest

from loop.errors import PayloadError
from loop.label_studio.label_config import parse
from loop.label_studio.tasks import StoredTask
from loop.reviews.bulk.operations import read_operation
from loop.reviews.bulk.regions import read_context, write
from tests.builders import ls_annotation, ls_region, ls_task

CONFIG = parse("""<View><Image name="image" value="$image"/>
<RectangleLabels name="label" toName="image"><Label value="Car" alias="auto"/></RectangleLabels>
<RectangleLabels name="people" toName="image"><Label value="Person"/></RectangleLabels></View>""")
BOX = [0.1, 0.1, 0.4, 0.4]


def written(predicted=(), **fields):
    prediction = {**ls_annotation(*predicted, annotation=9), "model_version": "v@1"}
    known = read_context(StoredTask(ls_task(1, predictions=[prediction])), [], CONFIG)
    operation = read_operation({"operation": "create", "task": 1, **fields}, CONFIG, "here")
    return write(operation, known, CONFIG, where="here", seed="k").result


@pytest.mark.parametrize("label", ["Car", "auto"])
def test_a_label_may_come_by_value_or_alias_and_is_written_as_the_editor_does(label):
    (result,) = written(regions=[{"label": label, "box": BOX}], size=[640, 480])

    assert (result["from_name"], result["value"]["rectanglelabels"]) == ("label", ["auto"])


def test_a_label_of_the_second_control_is_written_to_it():
    (result,) = written(regions=[{"label": "Person", "box": BOX}], size=[640, 480])

    assert result["from_name"] == "people"


def test_a_predicted_box_is_confirmed_by_its_alias():
    (result,) = written([ls_region("p", "auto")], regions=[{"id": "p", "label": "Car", "box": BOX}])

    assert result["origin"] == "prediction"


def test_a_raw_result_may_be_of_any_control_of_ours():
    raw = ls_region("q", "Person", from_name="people", width=-5.0)

    assert written(result=[raw])[0]["from_name"] == "people"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"from_name": "tags"}, r"here\.result\[0\]\.from_name"),
        ({"to_name": "ir"}, r"here\.result\[0\]\.to_name"),
        ({"value": {**ls_region()["value"], "x": None}}, r"here\.result\[0\]\.value\.x"),
        ({"value": None}, r"here\.result\[0\]\.value"),
        ({"value": {**ls_region()["value"], "rectanglelabels": ["Plane"]}}, r"value\.rectanglelabels: expected one of"),
        ({"value": {**ls_region()["value"], "rectanglelabels": [{}]}}, r"value\.rectanglelabels: expected one of"),
    ],
)
def test_a_raw_result_of_another_control_or_form_is_refused_by_name(change, field):
    with pytest.raises(PayloadError, match=field):
        written(result=[{**ls_region("q", "auto"), **change}])
