"""The next tasks of the queue, in the order in which Label Studio serves them, and why."""

from dataclasses import replace

import pytest

from loop.serving.queue.next_tasks import list_queue
from loop.serving.queue.reasons import explain_place
from loop.serving.queue_order import QueueOrder, Ranking
from loop.serving.store import AUDIT
from loop.storage.tables import deletions
from tests.builders import NOON, box, region, review, served
from tests.swap import swap


@pytest.fixture
def version(rooms):
    return rooms.registry.version_name(rooms.registry.versions.champion(1))


@pytest.fixture
def predict(rooms, version):
    def append(task, score, *regions, stream="queue"):
        prediction = served(*(regions or [region(f"p{task}", score=score)]), task=task, version=version, stream=stream)
        rooms.serving.predictions.append([replace(prediction, score=score)])

    return append


def places(rooms, **options):
    return [task.task_id for task in list_queue(rooms.serving, 1, **options).tasks]


def test_the_least_certain_task_comes_first_and_pages_go_on(rooms, predict):
    for task, score in ((1, 0.9), (2, 0.1), (3, 0.5)):
        predict(task, score)

    page = list_queue(rooms.serving, 1, offset=1, most=1)

    assert places(rooms) == [2, 3, 1]
    assert [(task.task_id, task.place) for task in page.tasks] == [(3, 2)]
    assert page.total == 3


def test_of_a_random_order_no_box_is_the_reason(rooms, predict):
    predict(1, 0.9)
    random = swap(rooms, (rooms.serving.ranking, Ranking(QueueOrder.RANDOM)))

    (task,) = list_queue(random.serving, 1).tasks

    assert task.why.startswith("the order is random")


def test_tasks_with_an_annotation_or_gone_are_not_in_the_queue_and_a_deleted_annotation_does_not_count(rooms, predict):
    for task in (1, 2, 3, 4):
        predict(task, task / 10)
    rooms.reviews.store.record(review(annotation=1, task=1), {})
    rooms.reviews.store.record(review(annotation=2, task=2), {})
    rooms.reviews.store.record(review(annotation=3, task=3), {})
    rooms.reviews.store.delete(1, "annotation", {3: NOON})
    with rooms.engine.begin() as connection:
        connection.execute(deletions.insert().values(project_id=1, kind="task", object_id=4, received_at=NOON))

    assert places(rooms) == [3]


def test_a_task_that_was_skipped_is_open_for_others(rooms, predict):
    for task in (1, 2):
        predict(task, task / 10)
    rooms.reviews.store.record(review(annotation=1, task=1, is_skipped=True, annotator=7), {})

    assert places(rooms) == places(rooms, annotator=8) == [1, 2]
    assert places(rooms, annotator=7) == [2]


def test_the_group_with_the_fewest_reviewed_tasks_comes_first_for_each_annotator(rooms, predict):
    for task, score in ((1, 0.1), (2, 0.2), (3, 0.3)):
        predict(task, score)
    rooms.serving.groups.replace(1, {1: 1, 2: 2, 3: 1, 10: 1, 11: 2})
    rooms.reviews.store.record(review(annotation=1, task=10, annotator=7), {})
    rooms.reviews.store.record(review(annotation=2, task=11, annotator=8), {})

    assert places(rooms) == [1, 2, 3]
    assert places(rooms, annotator=7) == [2, 1, 3]
    assert places(rooms, annotator=8) == [1, 3, 2]
    assert "1 task of its group of similar tasks reviewed" in list_queue(rooms.serving, 1, annotator=7).tasks[1].why


def test_a_deleted_annotation_counts_in_no_group(rooms, predict):
    for task, score in ((1, 0.1), (2, 0.2)):
        predict(task, score)
    rooms.serving.groups.replace(1, {1: 1, 2: 2, 10: 1})
    rooms.reviews.store.record(review(annotation=1, task=10), {})
    rooms.reviews.store.delete(1, "annotation", {1: NOON})

    assert places(rooms) == [1, 2]


def test_an_empty_project_has_an_empty_queue(rooms, version):
    assert list_queue(rooms.serving, 1) == type(list_queue(rooms.serving, 1))(version, 0, ())


def prediction(*regions, candidates=(), **fields):
    return replace(served(*regions, **fields), candidates=tuple(candidates))


@pytest.mark.parametrize(
    ("logged", "why"),
    [
        (
            prediction(region("a", score=0.9), region("b", "Person", score=0.4)),
            "least certain box is Person 0.40, of 2 boxes",
        ),
        (prediction(region("a", score=0.9)), "least certain box is Car 0.90"),
        (prediction(region("a", score=0.9), candidates=[region("c", score=0.24)]), "held back: Car 0.24, under the"),
        (prediction(candidates=[region("c", score=0.2)]), "no box is shown, and Car 0.20 is held back"),
        (prediction(), "nothing was detected"),
        (prediction(region("a", score=0.9), stream=AUDIT), "an audit"),
    ],
    ids=["shown", "only", "held-back", "only-held-back", "nothing", "audit"],
)
def test_the_reason_names_the_box_that_decides(logged, why):
    is_audit = logged.stream == AUDIT
    assert why in explain_place(logged.regions, logged.candidates, logged.threshold, is_audit=is_audit)


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (QueueOrder.PRODUCT, "its least certain box is held back: Dog 0.24, under the threshold of 0.25"),
        (QueueOrder.LEAST, "its least certain box is Cat 0.55, of 2 boxes"),
        (QueueOrder.MEAN, "its least certain box is Cat 0.55, of 2 boxes"),
        (QueueOrder.MARGIN, "its least certain box is Cat 0.55, of 2 boxes"),
        (QueueOrder.ENTROPY, "its least certain box is Cat 0.55, of 2 boxes"),
    ],
)
def test_an_order_that_looks_at_shown_boxes_alone_gives_one_of_them_as_the_reason(order, why):
    shown = [region("a", "Car", score=0.9), region("b", "Cat", score=0.55)]

    assert explain_place(shown, [region("c", "Dog", score=0.24)], 0.25, is_audit=False, order=order) == why


@pytest.mark.parametrize("order", [QueueOrder.MARGIN, QueueOrder.ENTROPY])
def test_by_margin_and_entropy_the_box_nearest_to_a_half_decides(order):
    shown = [region("a", "Car", score=0.3), region("b", "Cat", score=0.52)]

    why = explain_place(shown, [], 0.25, is_audit=False, order=order)

    assert why == "its least certain box is Cat 0.52, of 2 boxes"


def test_a_double_that_decides_is_said_to_be_held_back_and_not_counted_as_shown():
    shown = [region("a", "Car", score=0.9)]
    double = replace(region("b", "Van", score=0.5), double_of="a")

    why = explain_place(shown, [double], 0.25, is_audit=False)

    assert why == "its least certain box is held back: Van 0.50, a double"


def test_a_hostile_label_stays_text(rooms, predict):
    predict(1, 0.3, region("a", "<script>alert(1)</script>", box(), 0.3))

    (task,) = list_queue(rooms.serving, 1).tasks

    assert "<script>alert(1)</script> 0.30" in task.why
