"""What a review in bulk is in Label Studio."""

import pytest

from loop.errors import PayloadError
from loop.label_studio.label_config import parse
from loop.label_studio.payloads import read_review
from loop.label_studio.tasks import StoredTask
from loop.reviews.bulk.operations import read_operation
from loop.reviews.bulk.regions import read_context, unique_id, write
from tests.builders import CONFIG, ls_annotation, ls_region, ls_task, region

TREES = '<EllipseLabels name="other" toName="image"><Label value="Tree"/></EllipseLabels>'
WITH_OTHERS = CONFIG.replace("</View>", f'<Choices name="good" toName="image"/>{TREES}</View>')
LEFT, MOVED = [0.1, 0.1, 0.4, 0.4], [0.2, 0.1, 0.5, 0.4]


def stored(*regions, number=9, minutes=0, **fields):
    annotation = ls_annotation(*regions, annotation=number, minutes=minutes)
    return {**annotation, "model_version": "v@1", **fields}


def written(*regions, predictions=(), logged=(), existing=None, seed="k", config=CONFIG, **fields):
    operation = {"operation": "create", "task": 1, **({"regions": list(regions)} if not fields else {}), **fields}
    config = parse(config)
    known = read_context(StoredTask(ls_task(1, predictions=list(predictions))), logged, config, existing)
    return write(read_operation(operation, config, "here"), known, config, where="here", seed=seed)


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        pytest.param({"id": "p", "label": "Car", "box": LEFT}, "prediction", id="confirmed"),
        pytest.param({"id": "p", "label": "Car", "box": MOVED}, "prediction-changed", id="moved"),
        pytest.param({"id": "p", "label": "Person", "box": LEFT}, "prediction-changed", id="relabelled"),
        pytest.param({"label": "Car", "box": LEFT}, "manual", id="new"),
    ],
)
def test_each_region_says_where_it_is_from(given, origin):
    assert [one["origin"] for one in written(given, predictions=[stored(ls_region("p"))]).result] == [origin]


def test_a_raw_region_says_so_too_unless_it_does_already():
    raw = [ls_region("p"), ls_region("q", x=20), ls_region("n"), ls_region("p", origin="manual")]
    predictions = [stored(ls_region("p"), ls_region("q"))]

    results = written(result=raw, predictions=predictions).result

    assert [one["origin"] for one in results] == ["prediction", "prediction-changed", "manual", "manual"]


def test_the_parent_is_the_prediction_that_the_ids_are_of():
    old, new = stored(ls_region("p"), number=9), stored(ls_region("q"), number=10, minutes=5)

    assert written({"id": "p", "label": "Car", "box": LEFT}, predictions=[old, new]).parent_prediction == 9
    assert written({"id": "q", "label": "Car", "box": LEFT}, predictions=[old, new]).parent_prediction == 10
    assert written({"label": "Car", "box": LEFT}, predictions=[old, new]).parent_prediction is None


@pytest.mark.parametrize("regions", [[], [{"id": "p", "label": "Car", "box": LEFT}], [{"label": "Car", "box": LEFT}]])
def test_what_is_written_counts_as_a_review(regions):
    annotation = written(*regions, predictions=[stored(ls_region("p"))])

    review = ls_annotation(*annotation.result, lead_time=None, parent_prediction=annotation.parent_prediction)

    assert read_review(review, parse(CONFIG)).is_complete


def test_an_id_that_only_our_log_knows_is_fine():
    review = written({"id": "p", "label": "Car", "box": LEFT}, logged=[[region("p")]])

    assert (review.result[0]["origin"], review.parent_prediction) == ("prediction", None)


def test_an_id_that_nothing_has_is_refused():
    with pytest.raises(PayloadError, match=r"^here\.regions\[0\]\.id: expected the id of a predicted region of task 1"):
        written({"id": "x", "label": "Car", "box": LEFT}, predictions=[stored(ls_region("p"))])


def test_an_id_twice_is_refused():
    with pytest.raises(PayloadError, match=r"regions\[1\]\.id"):
        written(*[{"id": "p", "label": "Car", "box": LEFT}] * 2, predictions=[stored(ls_region("p"))])


def test_a_drawn_region_that_is_updated_stays_drawn():
    review = written({"id": "d", "label": "Car", "box": MOVED}, existing=[ls_region("d", origin="manual")])

    assert review.result[0]["origin"] == "manual"


def test_new_regions_replace_regions_alone():
    def of(region_id, kind="choices", control="good", **value):
        return {
            "id": region_id,
            "type": kind,
            "from_name": control,
            "to_name": "image",
            "value": {kind: ["yes"], **value},
        }

    place = {"x": 1, "y": 1, "width": 9, "height": 9}
    tree = of("t", "ellipselabels", "other", ellipselabels=["Tree"], radiusX=1, radiusY=1, x=5, y=5)
    ours = [ls_region("d", origin="manual"), ls_region("gone", origin="manual"), {**ls_region("b"), "value": None}]
    relations = [{"type": "relation", "from_id": "d", "to_id": to} for to in ("t", "gone")]
    existing = [of("i"), *ours, tree, of("d", **place), of("gone", **place), of("t"), *relations]

    once = written({"id": "d", "label": "Person", "box": MOVED}, existing=existing, config=WITH_OTHERS).result
    again = written({"id": "d", "label": "Person", "box": MOVED}, existing=once, config=WITH_OTHERS).result

    assert once[:-1] == [of("i"), tree, of("d", **place), of("t"), relations[0]]
    assert once[-1]["value"]["rectanglelabels"] == ["Person"]
    assert again == once


def test_the_image_size_is_what_anything_in_the_task_tells():
    review = written({"label": "Car", "box": LEFT}, predictions=[stored(ls_region("p"))])

    assert (review.result[0]["original_width"], review.result[0]["original_height"]) == (640, 480)


def test_the_same_operation_writes_the_same():
    new = {"label": "Car", "box": LEFT}

    assert written(new, new).result == written(new, new).result
    assert len({one["id"] for one in written(new, new).result}) == 2
    assert written(new).result[0]["id"] != written(new, seed="other").result[0]["id"]


def test_a_prediction_of_others_that_cannot_be_read_is_no_obstacle():
    odd = {"id": 3, "result": [{"type": "rectanglelabels", "value": None}]}

    assert written({"label": "Car", "box": LEFT}, predictions=[odd]).parent_prediction is None


def test_a_key_gives_one_unique_id_a_project():
    assert unique_id(1, "k") == unique_id(1, "k")
    assert len({unique_id(1, "k"), unique_id(2, "k"), unique_id(1, "l")}) == 3
