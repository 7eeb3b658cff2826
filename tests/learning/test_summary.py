"""What a study says of its orders."""

import json

import pytest

from scripts.learning.page import publish, write_studies
from scripts.learning.plan import RoundResult, RunPlan, RunResult
from scripts.learning.summary import summarise


def run(order, seed, *precisions, boxes=10):
    """A run of 20 images a round, with so many boxes in each."""
    rounds = tuple(
        RoundResult(
            number=number,
            labelled=20 * number,
            boxes=boxes * number,
            seconds=100.0 * number,
            work={"image": 20, "left": 0, "moved": 4, "relabelled": 2, "drawn": 30, "deleted": 4},
            drawn_without=boxes,
            outcome="promoted",
            map50=precision,
            map50_95=precision,
            low=precision,
            high=precision,
            served=precision,
            took={},
        )
        for number, precision in enumerate(precisions, start=1)
    )
    return RunResult(RunPlan("composed", order, seed, len(rounds), 20, 100, 50, 5), rounds)


def test_the_labels_needed_are_those_of_the_seeds_that_reached_the_share():
    runs = [
        run("full", 1, 0.5),
        run("full", 2, 0.5),
        run("product", 1, 0.1, 0.45, 0.5),
        run("product", 2, 0.1, 0.2, 0.3),
    ]

    (product,) = summarise(runs)

    labels, reached = product.needed[0.9]
    assert (labels.mean, reached) == (pytest.approx(40), 1)
    assert product.last.mean == pytest.approx(0.4)


def test_the_gain_is_that_over_the_random_order_with_the_same_seed():
    runs = [
        run("random", 1, 0.1, 0.2),
        run("random", 2, 0.3, 0.4),
        run("product", 1, 0.2, 0.3),
        run("product", 2, 0.4, 0.5),
    ]

    random, product = summarise(runs)

    assert product.gains["images"].mean == pytest.approx(0.1)
    assert product.gains["images"].high - product.gains["images"].low == pytest.approx(0)
    assert random.gains["images"].mean == 0


def test_an_order_that_labels_more_boxes_is_compared_at_equal_boxes():
    runs = [run("random", 1, 0.0, 0.2, boxes=10), run("product", 1, 0.0, 0.4, boxes=20)]

    _, product = summarise([run("random", 1, 0.0, 0.2, boxes=10), run("product", 1, 0.0, 0.2, boxes=10)])
    _, crowded = summarise(runs)

    assert product.gains["boxes"].mean == pytest.approx(0)
    assert crowded.gains["images"].mean > crowded.gains["boxes"].mean


def test_edits_are_boxes_added_deleted_moved_or_relabelled():
    (product,) = summarise([run("product", 1, 0.1, 0.2)])

    assert product.edits == (2.0, 2.0)
    assert product.without == 0.5


def test_without_a_run_on_all_images_the_labels_that_are_needed_are_not_measured():
    (product,) = summarise([run("product", 1, 0.1, 0.2)])

    assert product.needed == {}
    assert product.gains == {}


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ([], "not measured"),
        ([("full", 1, 0.5)], "not reached"),
        ([("full", 1, 0.2), ("product", 2, 0.1), ("full", 2, 0.5)], "36 (one seed), by 1 of 2 seeds"),
    ],
    ids=["no-run-on-all-images", "reached-by-none", "reached-by-one"],
)
def test_the_page_tells_what_was_not_measured_from_what_was_not_reached(tmp_path, others, words):
    path = publish("acquisition", "composed", [run("product", 1, 0.1, 0.2), *(run(*each) for each in others)], tmp_path)

    page = write_studies([json.loads(path.read_text())])

    assert f"| {words} |" in page
