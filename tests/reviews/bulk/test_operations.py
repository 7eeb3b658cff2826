"""Reading operations that come in bulk."""

import pytest

from loop.errors import PayloadError
from loop.label_studio.label_config import parse
from loop.regions import Box
from loop.reviews.bulk.operations import Create, Delete, Update, digest, read_operation
from tests.builders import CONFIG, ls_region

CAR = {"label": "Car", "box": [0.1, 0.1, 0.4, 0.4]}


def read(operation, where="operations[3]"):
    return read_operation(operation, parse(CONFIG), where)


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def create(**fields):
    return {"operation": "create", "task": 5, "regions": [CAR], **fields}


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        pytest.param(create(), Create, id="create"),
        pytest.param(create(regions=[]), Create, id="nothing-on-the-image"),
        pytest.param({"operation": "update", "annotation": 7, "regions": [CAR]}, Update, id="update"),
        pytest.param({"operation": "delete", "annotation": 7, "reasoning": "a double"}, Delete, id="delete"),
        pytest.param({"operation": "create", "task": 5, "result": [ls_region()]}, Create, id="raw"),
        pytest.param(create(actor="a", confidence=1, reasoning="r", lead_time=2, size=[640, 480]), Create, id="all"),
    ],
)
def test_an_operation_is_read(operation, kind):
    assert isinstance(read(operation), kind)


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        pytest.param(5, "operations[3]", id="no-object"),
        pytest.param({}, "operations[3].operation", id="no-operation"),
        pytest.param({"operation": "merge"}, "operations[3].operation", id="unknown-operation"),
        pytest.param({"operation": ["create"]}, "operations[3].operation", id="operation-a-list"),
        pytest.param({"operation": "create", "regions": []}, "operations[3].task", id="no-task"),
        pytest.param(create(task="5"), "operations[3].task", id="task-as-text"),
        pytest.param(create(task=True), "operations[3].task", id="task-as-bool"),
        pytest.param(create(task=2**70), "operations[3].task", id="task-too-large"),
        pytest.param({"operation": "create", "task": 5}, "operations[3]", id="neither-regions-nor-result"),
        pytest.param(create(result=[]), "operations[3]", id="regions-and-result"),
        pytest.param(create(regions=[CAR, {"label": "Car"}]), "operations[3].regions[1]", id="no-box"),
        pytest.param(
            create(regions=[{**CAR, "percent": {"x": 1, "y": 1, "width": 1, "height": 1}}]),
            "operations[3].regions[0]",
            id="two-boxes",
        ),
        pytest.param(create(regions=[{**CAR, "label": "Bus"}]), "operations[3].regions[0].label", id="unknown-label"),
        pytest.param(create(regions=[{"box": CAR["box"]}]), "operations[3].regions[0].label", id="no-label"),
        pytest.param(create(confidence=1.5), "operations[3].confidence", id="confidence"),
        pytest.param(create(lead_time=-1), "operations[3].lead_time", id="lead-time"),
        pytest.param(create(reasoning="x" * 10_001), "operations[3].reasoning", id="long-reasoning"),
        pytest.param(create(key=""), "operations[3].key", id="empty-key"),
        pytest.param(create(key="\ud800"), "operations[3].key", id="half-a-character"),
        pytest.param(create(annotation=7), "operations[3].annotation", id="a-field-that-is-not-its"),
        pytest.param(create(regions=[CAR] * 1001), "operations[3].regions", id="too-many"),
    ],
)
def test_an_operation_that_is_wrong_is_told_which_field(operation, field):
    with pytest.raises(PayloadError) as caught:
        read(operation)

    assert caught.value.field == field


@pytest.mark.parametrize(
    "box",
    [
        pytest.param([0.1, 0.1, 0.4], id="three-sides"),
        pytest.param([0.4, 0.1, 0.1, 0.4], id="turned-round"),
        pytest.param([0.1, 0.1, 0.1, 0.4], id="without-extent"),
        pytest.param([-0.1, 0.1, 0.4, 0.4], id="off-the-image"),
        pytest.param([0.1, 0.1, 40, 40], id="in-percent"),
        pytest.param([0.1, 0.1, float("nan"), 0.4], id="nan"),
        pytest.param([0.1, 0.1, float("inf"), 0.4], id="infinite"),
        pytest.param(["0.1", 0.1, 0.4, 0.4], id="text"),
        pytest.param([0.1, 0.1, 10**400, 0.4], id="a-huge-integer"),
    ],
)
def test_a_box_must_be_finite_and_on_the_image(box):
    with pytest.raises(PayloadError, match=r"^operations\[3\]\.regions\[0\]\.box"):
        read(create(regions=[{"label": "Car", "box": box}]))


@pytest.mark.parametrize(
    ("region", "field"),
    [
        pytest.param(ls_region(label="Bus"), "value.rectanglelabels", id="unknown-label"),
        pytest.param(ls_region(x=90), "value", id="off-the-image"),
        pytest.param(ls_region(width=0), "value", id="without-extent"),
        pytest.param(ls_region(x=float("nan")), None, id="nan"),
        pytest.param(ls_region(from_name="other"), "from_name", id="another-control"),
        pytest.param(ls_region(value=5), "value", id="no-value"),
        pytest.param(ls_region(meta="x" * 1_000_001), None, id="too-large"),
        pytest.param(ls_region(meta=nested(100_000)), None, id="nested-too-deeply"),
    ],
)
def test_a_raw_result_is_checked_too(region, field):
    with pytest.raises(PayloadError) as caught:
        read({"operation": "create", "task": 5, "result": [region]})

    assert caught.value.field == ("operations[3].result" if field is None else f"operations[3].result[0].{field}")


def test_results_of_other_controls_are_left_alone():
    other = {"type": "choices", "from_name": "weather", "value": {"choices": ["rain"]}}

    assert read({"operation": "create", "task": 5, "result": [other]}).result == [other]


def test_percent_and_fractions_say_the_same():
    percent = {"label": "Car", "percent": {"x": 10, "y": 20, "width": 30, "height": 25}}
    fractions = {"label": "Car", "box": [0.1, 0.2, 0.4, 0.45]}

    regions = [read(create(regions=[one])).regions[0].region() for one in (percent, fractions)]

    assert regions[0].box.is_close_to(regions[1].box, 1e-12)


def test_a_side_a_rounding_error_off_the_image_is_its_edge():
    operation = read(create(regions=[{"label": "Car", "box": [0, 0, 1.0000000000000002, 1]}]))

    assert operation.regions[0].region().box == Box(0, 0, 1, 1)


def test_the_digest_is_of_what_is_asked_for_whatever_the_key():
    same = {digest(read(create(key=key))) for key in ("a", "b")} | {digest(read(create()))}
    other = {digest(read(create(task=6))), digest(read(create(actor="a")))}

    assert len(same) == 1
    assert len(same | other) == 3
