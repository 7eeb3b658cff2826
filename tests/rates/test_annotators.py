"""Annotators beside each other and beside known answers: agreement, rates, and the tasks on which they disagree."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.rates.annotators.agreement import compare_annotators, compare_tasks, match_boxes
from loop.rates.annotators.compare import compare_by_annotator, list_agreements, list_disagreements
from loop.rates.assess import RatesRequest, assess
from loop.rates.rates import Grouping, Rates
from loop.regions import Box
from loop.reviews.judging import judge_tasks
from tests.builders import region, review, served
from tests.rates.test_assess import shown

FAR = Box(0.6, 0.6, 0.9, 0.9)
NEAR = Box(0.1, 0.1, 0.4, 0.35)  # IoU with the box of `region()`: 0.83
STARTS, SIZES = st.sampled_from([0.0, 0.1, 0.2, 0.5]), st.sampled_from([0.1, 0.2, 0.3, 0.5])
BOXES = st.builds(lambda x, y, width, height: Box(x, y, x + width, y + height), STARTS, STARTS, SIZES, SIZES)
REGIONS = st.builds(region, st.text("ab", max_size=1), st.sampled_from(["Car", "Bus"]), BOXES)
IMAGES = st.lists(REGIONS, max_size=5)


@given(IMAGES, IMAGES, st.randoms(use_true_random=False))
def test_agreement_is_symmetric_and_ignores_the_order_of_the_boxes(first, second, random):
    shuffled = random.sample(first, len(first))

    assert match_boxes(first, second) == match_boxes(second, first) == match_boxes(shuffled, second)
    assert 0 <= match_boxes(first, second).share <= 1


@given(IMAGES)
@example([region(), region(), region(label="Bus")])
def test_agreement_with_oneself_is_whole(boxes):
    assert match_boxes(boxes, boxes).share == 1


@given(IMAGES, IMAGES)
def test_boxes_of_other_labels_or_elsewhere_do_not_agree(first, second):
    cars = [region(label="Car", at=each.box) for each in first]
    buses = [region(label="Bus", at=each.box) for each in second]

    assert match_boxes(cars, buses).pairs == 0
    left, right = ([region(at=Box(x, 0, x + 0.4, 0.5))] * len(boxes) for x, boxes in ((0, first), (0.5, second)))
    assert match_boxes(left, right).share == (1 if not first and not second else 0)


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        ([region()], [region(at=NEAR)], 1.0),
        ([region()], [], 0.0),
        ([], [], 1.0),
        ([region(), region(at=FAR)], [region(at=NEAR)], 2 / 3),
        ([region(), region(at=FAR)], [region(), region(at=FAR, label="Bus")], 0.5),
        ([region()], [region(at=Box(0.1, 0.1, 0.4, 0.24))], 0.0),  # an IoU of 0.47
        ([region()], [region(), region(at=NEAR)], 2 / 3),  # a box has one partner
    ],
    ids=["moved", "alone", "both-empty", "one-more", "other-label", "too-little-overlap", "drawn-twice"],
)
def test_the_agreement_of_two_people_is_the_share_of_boxes_that_fit(first, second, share):
    assert match_boxes(first, second).share == pytest.approx(share)


def test_the_agreement_of_a_task_is_the_mean_over_pairs_of_people():
    reviews = [
        review(region(), annotation=1, annotator=1),
        review(region(at=NEAR), annotation=2, annotator=2),
        review(annotation=3, annotator=3),
    ]

    (task,) = compare_tasks(reviews)

    assert task.share == pytest.approx(1 / 3)
    assert (task.annotators, task.boxes, task.is_known) == ((1, 2, 3), (1, 1, 0), False)


def test_of_several_reviews_of_a_person_the_newest_counts():
    reviews = [
        review(annotation=1, annotator=1, minutes=1),
        review(region(), annotation=2, annotator=1, minutes=2),
        review(region(), annotation=3, annotator=2),
    ]

    assert compare_tasks(reviews)[0].share == 1


def test_nobody_agrees_with_themselves_nor_with_imported_labels_nor_with_nobody():
    reviews = [
        review(region(), annotation=1, annotator=1),
        review(annotation=2, annotator=1, minutes=1),
        review(annotation=3, annotator=2, is_imported=True),
        review(annotation=4),
    ]

    assert compare_tasks(reviews) == []
    assert compare_annotators(reviews) == {}


def known_and(*regions, annotator=2, task=1, by=1, minutes=0):
    """A task with one Car as its known answer, by somebody, and the boxes of an annotator."""
    star = review(region(), annotation=task * 10, task=task, annotator=by, is_ground_truth=True, minutes=minutes)
    return [star, review(*regions, annotation=task * 10 + 1, task=task, annotator=annotator, minutes=minutes)]


def test_an_annotator_is_measured_by_the_known_answers_of_others():
    reviews = [
        *known_and(region(at=NEAR), task=1),
        *known_and(region(label="Bus"), task=2),
        *known_and(region(at=FAR), task=3),
    ]

    figures = compare_annotators(reviews)

    rates = Rates(confirmed=1, corrected=1, false_positive=1, missed=1, relabelled=1)
    assert (figures[2].known, figures[2].known_tasks) == (rates, 3)
    assert figures[2].right.share == pytest.approx(1 / 3)
    assert figures[2].right.interval.low < 1 / 3 < figures[2].right.interval.high
    assert (figures[1].known_tasks, figures[1].right) == (0, None)  # their own answers
    assert figures[1].agreed.share == figures[2].agreed.share == pytest.approx(1 / 3)


def test_of_one_known_answer_there_are_counts_but_no_interval():
    figures = compare_annotators(known_and(region()))

    assert (figures[2].known.confirmed, figures[2].known_tasks, figures[2].right) == (1, 1, None)


def test_only_reviews_since_a_day_are_compared():
    old, new = known_and(region(), task=1), known_and(region(), task=2, minutes=60)

    assert compare_annotators([*old, *new], since=new[0].updated_at)[2].known_tasks == 1
    assert [task.task_id for task in compare_tasks([*old, *new], since=new[0].updated_at)] == [2]


@pytest.fixture
def shared(rooms):
    """Task 1 with a known answer that annotator 2 missed; task 2 on which they agree; task 3 on which they do not."""
    rooms.serving.predictions.append([served(region("p", score=0.9), task=task, version="a@1") for task in (1, 2, 3)])
    reviews = [
        *known_and(task=1),
        review(region("p"), annotation=20, task=2, annotator=1, minutes=1),
        review(region(at=NEAR), annotation=21, task=2, annotator=2, minutes=2),
        review(region("p"), annotation=30, task=3, annotator=1, minutes=1),
        review(annotation=31, task=3, annotator=2, minutes=2),
        review(region("p"), annotation=40, task=4, annotator=1, minutes=1),
        review(annotation=50, task=5, annotator=1, is_skipped=True),
        review(annotation=51, task=5, annotator=2),
    ]
    for each in reviews:
        rooms.reviews.store.record(each, {"image": "/data/upload/1/a.jpg"})
    judge_tasks(rooms.reviews, 1, [1, 2, 3, 4, 5])
    return rooms


def test_the_records_tell_which_tasks_have_several_annotators(shared):
    agreements = list_agreements(shared.rates, 1)

    assert [(task.task_id, task.share) for task in agreements] == [(1, 0), (3, 0), (2, 1)]
    assert [task.task_id for task in list_disagreements(agreements)] == [3]
    assert [task.task_id for task in list_disagreements(agreements, is_any=True)] == [1, 3]


def test_a_deleted_annotation_is_compared_no_more(shared):
    shared.reviews.store.delete(1, "annotation", {31: review(minutes=9).created_at})

    assert [task.task_id for task in list_agreements(shared.rates, 1)] == [1, 2]


def test_the_review_of_a_known_answer_changes_neither_rates_nor_what_is_trained_on(shared):
    before = shared.reviews.store.find_counted(1)[1], shared.rates.store.count_by_version(1)
    shared.reviews.store.record(
        review(region(at=FAR), annotation=12, task=1, annotator=3, minutes=60), {"image": "/data/upload/1/a.jpg"}
    )
    judge_tasks(shared.reviews, 1, [1])

    assert (shared.reviews.store.find_counted(1)[1], shared.rates.store.count_by_version(1)) == before
    assert compare_by_annotator(shared.rates, 1)["3"].known == Rates(false_positive=1, missed=1)


def test_rates_by_annotator_show_both_also_of_one_whose_reviews_never_count(shared):
    for task in (1, 2, 3):
        star = review(region(), annotation=task * 10, task=task, annotator=1, is_ground_truth=True, minutes=70)
        shared.reviews.store.record(star, {"image": "/data/upload/1/a.jpg"})
    judge_tasks(shared.reviews, 1, [1, 2, 3])

    assessment = assess(shared.rates, 1, RatesRequest(Grouping.ANNOTATOR))

    groups = {group.name: group for group in assessment.groups}
    assert groups["2"].rates == Rates(missed=0)
    assert groups["2"].compared.known == Rates(confirmed=1, missed=2)
    text = shown(assessment)
    assert "right on known answers" in text
    assert "agrees with others" in text
    assert "50% (" in text  # 2 of 4 boxes: one of theirs, three of the answers
    assert "loop disagreements" in text
    assert all(group.compared is None for group in assess(shared.rates, 1, RatesRequest()).groups)


def test_the_commands_say_what_they_show(shared, settings, monkeypatch):
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "240")

    def loop(*arguments):
        ran = CliRunner().invoke(app, [*arguments, "--project", "1"])
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    text = loop("disagreements")
    assert "1: 1, 2: 0" in text
    assert "1 tasks with a disagreement; 3 tasks have several annotators" in text
    assert "next: loop disagreements --project 1 --view" in text
    told = json.loads(loop("disagreements", "--decided", "--json"))
    assert [(task["task_id"], task["share"], task["known_by"]) for task in told["tasks"]] == [(1, 0, 1), (3, 0, None)]
    compared = json.loads(loop("rates", "--by", "annotator", "--json"))["groups"]["2"]["compared"]
    assert compared["known"]["tasks"] == 1
    assert compared["known"]["missed"]["count"] == 1
    assert compared["agreement"]["tasks"] == 3


def test_without_shared_tasks_nothing_is_made_up(rooms):
    assert list_agreements(rooms.rates, 1) == []
    assert compare_by_annotator(rooms.rates, 1) == {}
