"""Tasks with a known answer are shown again, at a set share, to people who have not annotated them."""

from dataclasses import replace

import pytest

from loop.draws import draw_number
from loop.rates.annotators.compare import compare_by_annotator
from loop.rates.annotators.show_again import show_again
from loop.rates.assess import RatesRequest, assess, measure_seconds_by_version
from loop.rates.known.choice import KnownTask, choose_again, count_wanted
from loop.reviews.judging import judge_tasks
from loop.reviews.verdict_query import VerdictFilter
from loop.serving.pre_annotate import assign_streams, make_log_entries
from loop.serving.predict import Suggestion
from loop.serving.queue_order import AuditPolicy
from loop.serving.store import KNOWN, QUEUE
from tests.builders import LONG_AGO, ls_task, region, review, served
from tests.fakes import FakeLabelStudio
from tests.swap import swap

DATA = {"image": "/data/upload/1/a.jpg"}


class Studio(FakeLabelStudio):
    """A Label Studio that serves tasks until they have the annotations that they ask for."""

    def ask_again(self, task_id, overlap, *, is_open):
        (task,) = (task for task in self.tasks if task["id"] == task_id)
        task |= {"overlap": overlap, "is_labeled": not is_open}

    def count_open(self, project_id, version=None):
        return len(self.open())

    def open(self):
        return [task["id"] for task in self.tasks if not task["is_labeled"]]

    def overlaps(self):
        return {task["id"]: task["overlap"] for task in self.tasks if task["overlap"] > 1}


@pytest.fixture
def known(rooms):
    """Tasks 1 to 4 are starred by annotator 1, task 5 is reviewed by annotator 2, tasks 6 to 11 are open."""
    counts = [{"overlap": 1, "is_labeled": task < 6, "total_annotations": int(task < 6)} for task in range(1, 12)]
    studio = Studio([{**ls_task(task), **fields} for task, fields in enumerate(counts, start=1)])
    built = share(swap(rooms, (rooms.studio.client, studio)), 0.25)
    for task in range(1, 6):
        answer(built, task, 1 if task < 5 else 2, is_ground_truth=task < 5)
    return built


def share(rooms, known_share):
    return swap(rooms, (rooms.rates, replace(rooms.rates, known_share=known_share)))


def answer(rooms, task, annotator, *regions, minutes=0, **fields):
    boxes = regions or (region(f"p{task}"),)
    made = review(*boxes, annotation=task * 10 + annotator, task=task, annotator=annotator, minutes=minutes, **fields)
    rooms.reviews.store.record(made, DATA)
    judge_tasks(rooms.reviews, 1, [task])


def test_the_share_says_how_many_lie_among_the_open_tasks():
    assert count_wanted(0.0, 1000, 1000, is_first=False) == 0
    assert count_wanted(0.05, 950, 0, is_first=False) == 50
    assert count_wanted(0.5, 7, 0, is_first=False) == 7
    assert [count_wanted(0.1, 500, reviews, is_first=True) for reviews in (9, 10, 25, 900)] == [0, 1, 2, 3]


def test_those_that_the_fewest_people_had_come_first_and_nobody_gets_their_own():
    tasks = [KnownTask(1, frozenset({1, 2}), 2), KnownTask(2, frozenset({1}), 1), KnownTask(3, frozenset({1, 2, 3}), 3)]

    def chosen(shown=(), annotators=(1, 2, 3), least=1, most=9):
        found = choose_again(1, tasks, shown, frozenset(annotators), least_annotations=least, most=most)
        return [task.task_id for task in found]

    assert chosen() == [2, 1]
    assert chosen(most=1) == [2]
    assert chosen(most=-1) == chosen(annotators=(1,)) == []
    assert chosen(shown=(2,)) == chosen(least=2) == [1]


def test_a_known_task_is_open_until_somebody_else_answers_it(known):
    studio = known.studio.client

    assert show_again(known.rates, 1) == "2 tasks with a known answer are shown again"
    first, second = studio.overlaps()
    assert studio.overlaps() == {first: 2, second: 2}
    assert studio.open() == sorted([first, second, *range(6, 12)])
    assert ("refresh", 1) in known.queue.asked
    assert show_again(known.rates, 1) == ""

    answer(known, first, 2, minutes=5)
    assert show_again(known.rates, 1) == "2 tasks with a known answer are shown again"
    assert first not in studio.open()
    assert len(studio.overlaps()) == 2
    assert second in studio.overlaps()
    assert compare_by_annotator(known.rates, 1)["2"].known_tasks == 1


@pytest.mark.parametrize("ends", ["share", "star", "skip", "deleted"])
def test_a_known_task_is_closed_where_it_is_wanted_no_more(known, ends):
    show_again(known.rates, 1)
    first, second = known.studio.client.overlaps()
    if ends == "share":
        known = share(known, 0.0)
    elif ends == "star":
        answer(known, first, 1, minutes=5)
    elif ends == "skip":
        answer(known, first, 2, minutes=5, is_skipped=True)
    else:
        known.studio.client.tasks = [task for task in known.studio.client.tasks if task["id"] != first]
        known.reviews.store.delete(1, "task", {first: review(minutes=9).created_at})

    show_again(known.rates, 1)

    assert (first in known.rates.shown_again.read(1).tasks) is False
    assert ends == "deleted" or first not in known.studio.client.open()
    assert (second in known.studio.client.open()) is (ends != "share")


@pytest.mark.parametrize(("left", "asked"), [(0, 1), (1, 2)], ids=["deleted-annotation", "project-asks-for-more"])
def test_a_task_that_lacks_annotations_stays_open_when_it_is_shown_again_no_more(known, left, asked):
    show_again(known.rates, 1)
    first, _ = known.studio.client.overlaps()
    (task,) = (task for task in known.studio.client.tasks if task["id"] == first)
    task["total_annotations"] = left
    known.studio.client.fields["maximum_annotations"] = asked
    known.reviews.store.delete(1, "annotation", {first * 10 + 1: review(minutes=9).created_at})

    show_again(known.rates, 1)

    assert first not in known.rates.shown_again.read(1).tasks
    assert (task["overlap"], task["is_labeled"]) == (asked, False)


def test_a_user_whose_annotations_nobody_looked_at_is_no_annotator_to_show_tasks_to(known):
    """Else a task that everybody had would be opened for nobody, and stay open."""
    answer(known, 5, 1, minutes=1)
    for task in range(1, 5):
        answer(known, task, 2, minutes=1)
    answer(known, 6, 77, is_unseen=True)

    assert show_again(known.rates, 1) == ""
    assert known.studio.client.overlaps() == {}
    assert known.rates.shown_again.count_since(1, LONG_AGO) == 10


def test_a_task_is_not_shown_again_to_somebody_who_left(known):
    """Annotator 2 reviewed nothing for long: the tasks that all others had are for nobody."""
    show_again(known.rates, 1)
    opened = set(known.studio.client.overlaps())
    answer(known, 6, 1, minutes=100 * 24 * 60)

    show_again(known.rates, 1)

    assert len(opened) == 2
    assert known.rates.shown_again.read(1).tasks == {}
    assert opened.isdisjoint(known.studio.client.open())


def test_a_task_that_a_killed_run_did_not_open_is_opened_by_the_next(known):
    show_again(known.rates, 1)
    first, _ = known.studio.client.overlaps()
    known.studio.client.ask_again(first, 1, is_open=False)

    show_again(known.rates, 1)

    assert first in known.studio.client.open()
    assert len(known.rates.shown_again.read(1).tasks) == 2


def test_without_a_share_label_studio_is_not_even_asked(known):
    assert show_again(share(swap(known, (known.studio.client, None)), 0.0).rates, 1) == ""


def test_where_they_are_served_first_they_come_one_by_one(known):
    known.studio.client.fields["sampling"] = "Sequential sampling"

    assert show_again(known.rates, 1) == ""  # from now on reviews are counted
    since = known.rates.shown_again.read(1).since
    for task in range(6, 10):
        minutes = (since - review().created_at).total_seconds() / 60 + 1
        answer(known, task, 2, minutes=minutes)
    assert show_again(known.rates, 1) == "1 tasks with a known answer are shown again"


def test_an_answer_to_a_known_task_asks_for_no_training(known):
    before = known.reviews.store.new_since(1, None)
    moment = max(row.review.updated_at for row in known.reviews.store.all(1))
    answer(known, 1, 2, minutes=5)

    assert known.reviews.store.new_since(1, None) == before == 5
    assert known.reviews.store.find_counted(1)[1].review.annotator == 1
    assert moment == review().updated_at


def test_a_known_task_has_a_place_of_its_own_and_is_in_no_rate_of_the_version_that_shows_it_again(known):
    known.serving.predictions.append([served(region("p1", score=0.9), task=1, version="a@1")])
    answer(known, 1, 1, region("p1"), minutes=1, is_ground_truth=True)
    suggestions = [Suggestion(task, "b@2", (region(f"q{task}"),), (), 0.25, task / 100) for task in (1, 6, 7)]
    entries = make_log_entries(known.serving, suggestions, 1, execution="x")
    known.serving.predictions.append(entries)
    answer(known, 1, 2, region("q1"), minutes=5)

    assert entries[0].stream == KNOWN
    assert {version: list(tasks) for version, tasks in known.rates.store.read_predicted_tasks(1).items()} == {
        "a@1": [1],
        "b@2": [6, 7],
    }
    assert known.rates.store.read_newest_versions(1, [1])[1][0] == "a@1"
    assert [group.name for group in assess(known.rates, 1, RatesRequest()).groups] == ["a@1"]


def test_an_answer_that_gets_the_star_is_in_no_rate_of_the_version_that_knew_the_answer(known):
    known.serving.predictions.append([replace(served(region("q1", score=0.9), task=1, version="b@2"), stream=KNOWN)])
    answer(known, 1, 1, region("p1"), minutes=5)
    answer(known, 1, 2, region("q1"), minutes=6, is_ground_truth=True)

    assert known.reviews.verdicts.count(VerdictFilter(project=1)) == {"confirmed": 1}
    assert [*assess(known.rates, 1, RatesRequest()).groups] == []


def test_such_an_answer_is_in_no_time_of_tasks_without_boxes(known):
    known.serving.predictions.append([served(region("p6", score=0.9), task=6, version="a@1")])
    known.serving.predictions.append([replace(served(region("q6", score=0.9), task=6, version="b@2"), stream=KNOWN)])
    answer(known, 6, 2, region("q6"), minutes=6, is_ground_truth=True, lead_time=9.0)

    assert "a@1" not in measure_seconds_by_version(known.rates, 1)


def test_the_place_of_a_known_task_does_not_depend_on_what_was_found():
    suggestions = [Suggestion(task, "a@1", (), (), 0.25, task / 100) for task in range(100)]

    entry = assign_streams(suggestions, 1, AuditPolicy(0.0), execution="x", known={7})[7]

    others = [number / 100 for number in range(100) if number != 7]
    assert entry.score == others[int(draw_number("known answer", 1, 7) * len(others))]
    assert {each.stream for each in assign_streams(suggestions, 1, AuditPolicy(0.0), execution="x")} == {QUEUE}
