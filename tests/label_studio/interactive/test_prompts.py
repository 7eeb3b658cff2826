"""What an annotator drew with a click tool."""

import pytest

from loop.label_studio.interactive.prompts import MOST_SHAPES, Drawing, Prompt, find_context, read_drawing
from loop.label_studio.label_config import parse
from loop.regions import Box
from tests.label_studio.interactive.builders import SMART, call, drawn, point, rectangle


def read_all(*results):
    return read_drawing({"result": list(results)}, parse(SMART))


def read(*results):
    return list(read_all(*results).prompts)


def test_a_rectangle_is_a_shape_with_the_chosen_label():
    assert read(rectangle(25, 50, 25, 25, "Car")) == [Prompt(Box(0.25, 0.5, 0.5, 0.75), "Car")]


def test_a_key_point_is_a_point_where_the_object_is_or_is_not():
    there, elsewhere = read(point(10, 20, "Person"), point(30, 40, "Person", is_positive=False))

    assert (there.box, there.label, there.is_point, there.is_positive) == (
        Box(0.1, 0.2, 0.1, 0.2),
        "Person",
        True,
        True,
    )
    assert not elsewhere.is_positive


@pytest.mark.parametrize(
    "result",
    [
        pytest.param("nonsense", id="no-object"),
        pytest.param(rectangle(25, 50, 25, 25, to_name="other"), id="on-another-image"),
        pytest.param(rectangle(25, 50, 25, 25, item_index=1), id="on-another-page"),
        pytest.param(drawn("rectanglelabels", None), id="no-place"),
        pytest.param(drawn("rectanglelabels", {"x": "wide"}), id="no-numbers"),
        pytest.param(drawn("keypointlabels", {"x": 1}), id="half-a-point"),
        pytest.param(drawn("bitmask", {"imageDataURL": ""}), id="a-mask"),
    ],
)
def test_what_cannot_be_read_is_left_out(result):
    assert read(result, rectangle(25, 50, 25, 25)) == [Prompt(Box(0.25, 0.5, 0.5, 0.75))]


def test_of_very_many_shapes_the_last_ones_are_read():
    drawing = read_all(*[rectangle(0, 0, 10, 10)] * 10_000, rectangle(25, 50, 25, 25, "Car"))

    assert len(drawing.standing) == MOST_SHAPES - 1
    assert [prompt.label for prompt in drawing.prompts] == ["Car"]


SUGGESTED = [
    pytest.param({"origin": "prediction", "score": 0.7}, id="shown"),
    pytest.param({"origin": "prediction-changed"}, id="moved"),
    pytest.param({"origin": "manual", "score": 0.7}, id="by-a-click-tool"),
]


@pytest.mark.parametrize("fields", SUGGESTED)
def test_of_all_shapes_that_the_editor_sends_the_last_one_drawn_asks(fields):
    before = rectangle(0, 0, 10, 10, "Car", **fields), rectangle(50, 0, 10, 10, "Car")

    assert read_all(*before, rectangle(25, 50, 25, 25, "Car")) == Drawing(
        (Prompt(Box(0.25, 0.5, 0.5, 0.75), "Car"),), (Box(0, 0, 0.1, 0.1), Box(0.5, 0, 0.6, 0.1))
    )


@pytest.mark.parametrize("fields", SUGGESTED)
def test_what_was_suggested_asks_for_nothing(fields):
    """The editor calls when the drawn shape is deleted, too."""
    assert read_all(rectangle(0, 0, 10, 10, "Car", **fields)) == Drawing((), (Box(0, 0, 0.1, 0.1),))
    assert read(point(10, 20, "Car", **fields)) == []


@pytest.mark.parametrize("labels", [None, "Car", [None], ["Bus"]], ids=["none", "a-text", "a-null", "unknown"])
def test_labels_of_any_form_that_are_none_of_ours_are_no_label(labels):
    value = {"x": 10, "y": 20, "width": 30, "height": 40, "rectanglelabels": labels}

    assert [prompt.label for prompt in read(drawn("rectanglelabels", value))] == [""]


@pytest.mark.parametrize("params", [None, [], {"context": None}, {"context": []}, {"context": {}}], ids=str)
def test_a_request_without_a_context_is_no_interactive_call(params):
    assert find_context({**call(), "params": params}) is None
    assert find_context(call()) is not None
