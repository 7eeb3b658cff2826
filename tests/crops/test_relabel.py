"""Reviewed boxes get another label, and nothing else of their reviews changes."""

import pytest

from loop.crops.relabel import MOST, BoxName, relabel
from loop.errors import PayloadError
from loop.training.after_reviews import review
from tests.builders import ls_region
from tests.reviews.bulk.fakes import BulkStudio
from tests.swap import swap

TURNED = {"x": 10.0, "y": 10.0, "width": 30.0, "height": 30.0, "rotation": 20, "rectanglelabels": ["Car"]}
CHOICE = {"id": "a", "from_name": "kind", "to_name": "image", "type": "choices", "value": {"choices": ["old"]}}
POLYGON = {"id": "g", "from_name": "other", "to_name": "image", "type": "polygonlabels", "value": {"points": [[1, 2]]}}


@pytest.fixture
def studio():
    return BulkStudio(4)


@pytest.fixture
def rooms(rooms, studio):
    return swap(rooms, (rooms.studio.client, studio))


def annotate(rooms, studio, task, *regions):
    """A person reviews a task, and we hear of it."""
    studio.annotate(studio.tasks[task - 1], list(regions))
    hear(rooms, studio)


def hear(rooms, studio):
    for event in studio.sent:
        rooms.reviews.events.append(1, event["action"], event)
    studio.sent.clear()
    review(rooms.trainings, 1)


def change(rooms, *names, label="Person", why=""):
    return relabel(rooms.crops, 1, [BoxName.read(name) for name in names], label, actor="ann", why=why)


def test_the_boxes_of_several_tasks_get_the_label_and_count_when_label_studio_has_it(rooms, studio):
    annotate(rooms, studio, 1, ls_region("a"), ls_region("b", x=60.0))
    annotate(rooms, studio, 2, ls_region("c"))

    report = change(rooms, "1:a", "1:b", "2:c")
    hear(rooms, studio)

    assert (report.done, report.failures) == (3, [])
    counted = rooms.reviews.store.find_counted(1)
    assert [region.label for task in (1, 2) for region in counted[task].review.regions] == ["Person"] * 3


def test_the_report_says_that_the_label_is_of_a_retired_class(rooms, studio):
    annotate(rooms, studio, 1, ls_region("a"))
    rooms.studio.classes.retire(1, "Person")

    assert change(rooms, "1:a").line == "1 boxes are Person now, which is retired: no version learns from its boxes"


def test_everything_else_of_the_review_stays(rooms, studio):
    before = [{**ls_region("a"), "value": TURNED, "origin": "prediction"}, ls_region("b"), CHOICE, POLYGON]
    annotate(rooms, studio, 1, *before)

    change(rooms, "1:a")

    (annotation,) = studio.annotations(1)
    turned, *others = annotation["result"]
    assert turned == {**before[0], "origin": "prediction-changed", "value": {**TURNED, "rectanglelabels": ["Person"]}}
    assert [{key: value for key, value in other.items() if key != "origin"} for other in others] == before[1:]


def test_a_second_click_changes_nothing(rooms, studio):
    annotate(rooms, studio, 1, ls_region("a"))
    change(rooms, "1:a")
    hear(rooms, studio)
    writes = studio.writes

    report = change(rooms, "1:a")

    assert (report.done, studio.writes) == (1, writes)


def test_a_review_that_was_changed_since_is_left_alone_and_the_others_are_done(rooms, studio):
    annotate(rooms, studio, 1, ls_region("a"))
    annotate(rooms, studio, 2, ls_region("c"))
    studio.edit(studio.tasks[0], studio.annotations(1)[0], [ls_region("a", width=20.0)])

    report = change(rooms, "1:a", "2:c")

    assert report.done == 1
    assert "changed since" in report.line
    assert studio.annotations(1)[0]["result"][0]["value"]["rectanglelabels"] == ["Car"]


def test_a_label_that_was_changed_back_unheard_does_not_count(rooms, studio):
    annotate(rooms, studio, 1, ls_region("a", "Person"))
    studio.edit(studio.tasks[0], studio.annotations(1)[0], [ls_region("a")])

    report = change(rooms, "1:a")

    assert report.done == 0
    assert "changed since" in report.line


def test_a_second_click_before_we_hear_of_the_first_counts(rooms, studio):
    annotate(rooms, studio, 1, ls_region("a"))
    change(rooms, "1:a")
    writes = studio.writes

    report = change(rooms, "1:a")

    assert (report.done, report.failures, studio.writes) == (1, [], writes)


@pytest.mark.parametrize("name", ["3:a", "1:nothing", "1:g"], ids=["no-review", "no-such-box", "no-rectangle"])
def test_a_box_that_cannot_be_relabelled_fails_by_itself(rooms, studio, name):
    annotate(rooms, studio, 1, ls_region("a"), POLYGON)
    annotate(rooms, studio, 2, ls_region("c"))

    report = change(rooms, name, "2:c")

    assert (report.done, len(report.failures)) == (1, 1)


def test_a_box_with_several_labels_is_left_to_label_studio(rooms, studio):
    both = ls_region("a")
    both["value"]["rectanglelabels"] = ["Car", "Person"]
    annotate(rooms, studio, 1, both)
    annotate(rooms, studio, 2, ls_region("a"), {**ls_region("a"), "from_name": "more"})

    report = change(rooms, "1:a", "2:a", label="Person")

    assert report.done == 0
    assert all("one label: change it in Label Studio" in failure for failure in report.failures)


def test_a_box_that_has_the_label_beside_another_does_not_count(rooms, studio):
    both = ls_region("a")
    both["value"]["rectanglelabels"] = ["Car", "Person"]
    annotate(rooms, studio, 1, both)

    report = change(rooms, "1:a", label="Car")

    assert report.done == 0
    assert "one label: change it in Label Studio" in report.line


def test_a_label_under_the_key_of_older_exports_gives_way_to_the_new_one(rooms, studio):
    old = ls_region("a")
    old["value"]["labels"] = old["value"].pop("rectanglelabels")
    annotate(rooms, studio, 1, old)

    change(rooms, "1:a")
    hear(rooms, studio)

    (region,) = rooms.reviews.store.find_counted(1)[1].review.regions
    assert region.label == "Person"


def test_with_label_studio_down_each_task_fails_with_the_reason(rooms, studio):
    annotate(rooms, studio, 1, ls_region("a"))
    studio.is_down = True

    report = change(rooms, "1:a")

    assert (report.done, report.failures) == (0, ["task 1: Label Studio did not answer"])


@pytest.mark.parametrize(
    ("names", "label"), [(["1:a"], "Bus"), ([], "Car"), ([f"{n}:a" for n in range(1, MOST + 2)], "Car")]
)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(rooms, studio, names, label):
    with pytest.raises(PayloadError):
        change(rooms, *names, label=label)

    assert studio.writes == 0


@pytest.mark.parametrize("text", ["", "1", "1:", ":a", "0:a", "x:a", "-1:a", "²:a", f"{10**30}:a"])
def test_a_name_of_no_box_is_refused(text):
    with pytest.raises(PayloadError):
        BoxName.read(text)


def test_a_region_may_have_any_name():
    assert BoxName.read("7:a:<b>/../c") == BoxName(7, "a:<b>/../c")
