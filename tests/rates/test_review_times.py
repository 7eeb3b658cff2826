"""Annotators' seconds."""

from loop.rates.review_times import SecondsPolicy, Spread, TimedTask, measure_seconds, measure_with_and_without


def task(spent, objects=2, **fields):
    return TimedTask(
        **{"task_id": 1, "version": "a@1", "seconds": spent, "objects": objects, "is_shown": True, **fields}
    )


def test_the_median_does_not_follow_a_task_left_open_over_lunch():
    measured = measure_seconds([task(spent) for spent in (8.0, 10.0, 12.0, 1700.0)])

    assert measured.a_task.median == 11.0


def test_a_task_open_for_too_long_is_left_out_and_counted():
    measured = measure_seconds([task(10.0), task(5000.0), task(None), task(0.0)], SecondsPolicy(longest=600.0))

    assert (measured.tasks, measured.cut, measured.unknown) == (1, 1, 2)
    assert measured.a_task == Spread(10.0, 10.0, 10.0)


def test_an_empty_image_has_seconds_a_task_and_none_an_object():
    measured = measure_seconds([task(10.0, objects=0), task(20.0, objects=4)])

    assert measured.a_task.median == 15.0
    assert measured.an_object.median == 5.0


def test_of_no_task_there_is_no_median():
    measured = measure_seconds([])

    assert (measured.tasks, measured.a_task, measured.an_object) == (0, None, None)


def test_tasks_with_boxes_shown_are_told_from_those_without():
    measured = measure_with_and_without([task(10.0), task(30.0, is_shown=False)])

    assert measured["boxes shown"].a_task.median == 10.0
    assert measured["nothing shown"].a_task.median == 30.0
