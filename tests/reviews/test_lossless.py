"""Whatever events are lost, doubled or late, and wherever we are killed, one sweep ends in what a rebuild gives."""

import tempfile
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.training.after_reviews import rebuild, review, sync
from tests.label_studio.builders import boxes
from tests.label_studio.fakes import StudioModel
from tests.reviews.builders import arrive, connected, run_and_be_killed, state

TASKS, ACTS = 2, 16
OFTEN = {"annotate": 8, "edit": 4, "star": 3, "delete": 3, "unskip": 2, "import": 2}  # the others once
SELDOM = ["skip", "accept", "delete_all", "delete_task", "wipe", "add_task", "relabel", "change_data"]
WHAT = [what for what, times in OFTEN.items() for _ in range(times)] + SELDOM
acts = st.tuples(
    st.sampled_from(WHAT),
    st.integers(0, 9),
    st.lists(st.sampled_from(["p", "q", "drawn", "plane"]), max_size=2, unique=True),
)
fates = st.sampled_from(["arrives"] * 5 + ["is lost"] * 3 + ["comes twice"] * 2)
TIMES = {"arrives": 1, "is lost": 0, "comes twice": 2}


def play(studio, what, which, names):
    """One act of annotators or of the API."""
    if what == "relabel":
        studio.relabel()
        return
    if not studio.tasks or what in ("add_task", "import"):
        studio.add_task(boxes(*names) if what == "import" else None)
        return
    task = studio.tasks[which % len(studio.tasks)]
    of_task = {
        "annotate": lambda: studio.annotate(task, boxes(*names)),
        "skip": lambda: studio.annotate(task, boxes(*names), skipped=True),
        "accept": lambda: studio.accept(studio.tasks[:2]),
        "delete_all": lambda: studio.delete_annotations(studio.tasks[:2]),
        "delete_task": lambda: studio.delete_task(task),
        "change_data": lambda: studio.change_data(task),
        "wipe": studio.wipe if which == 0 else lambda: None,
    }
    if what in of_task:
        of_task[what]()
    elif task["annotations"]:
        annotation = task["annotations"][which % len(task["annotations"])]
        {
            "star": lambda: studio.star(task, annotation),
            "delete": lambda: studio.delete_annotation(task, annotation),
            "edit": lambda: studio.edit(task, annotation, boxes(*names), skipped=which == 0),
            "unskip": lambda: studio.edit(task, annotation, boxes(*names)),
        }[what]()


def check(empty_records, played, random, fate, kills):
    """
    Play acts; let some of their events come; be killed while working on them and while sweeping; sweep; rebuild.

    Acts are played in two parts, and of the events of the first half come late: after a sweep that has seen those acts.
    """
    studio = StudioModel(TASKS)
    waiting = []
    with tempfile.TemporaryDirectory() as folder, connected(empty_records, folder, studio) as rooms:
        for part, share, kill in ((played[: ACTS // 2], 2, kills[:2]), (played[ACTS // 2 :], 1, kills[2:])):
            sent = len(studio.sent)
            for act in part:
                play(studio, *act)
            fates_of = zip(studio.sent[sent:], fate[sent:], strict=False)
            waiting += [event for event, what in fates_of for _ in range(TIMES[what])]
            random.shuffle(waiting)
            arrived, waiting = waiting[: len(waiting) // share], waiting[len(waiting) // share :]
            arrive(rooms, *arrived)
            run_and_be_killed(rooms, review, kill[0])
            run_and_be_killed(rooms, sync, kill[1])
        review(rooms.trainings, 1)
        sync(rooms.trainings, 1)
        swept = state(rooms)
        sync(rooms.trainings, 1)
        again = state(rooms)
        rebuild(rooms.trainings, 1)

        assert again == swept
        assert swept == state(rooms)


streams = given(
    st.lists(acts, min_size=ACTS, max_size=ACTS),
    st.builds(Random, st.integers(0, 2**32 - 1)),
    st.lists(fates, min_size=ACTS, max_size=ACTS),
    st.lists(st.integers(0, 120), min_size=4, max_size=4),
)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@streams
def test_one_sweep_ends_in_what_a_rebuild_gives(empty_records, played, random, fate, kills):
    check(empty_records, played, random, fate, kills)


@pytest.mark.long
@pytest.mark.timeout(5400)
@settings(max_examples=1000, suppress_health_check=list(HealthCheck))
@streams
def test_a_thousand_times_one_sweep_ends_in_what_a_rebuild_gives(empty_records, played, random, fate, kills):
    check(empty_records, played, random, fate, kills)
