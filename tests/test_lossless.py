"""Whatever events are lost, doubled or late, and wherever we are killed, one sweep ends in what a rebuild gives."""

import os
import shutil
import signal
import tempfile
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.bootstrap import build
from loop.settings import Settings
from loop.use_cases.review import review
from loop.use_cases.sync import rebuild, sync
from tests.builders import CONFIG, region, served
from tests.builders import review as one_review
from tests.fakes import FakeImages, FakeQueue
from tests.studio_model import StudioModel, boxes

TASKS, ACTS = 2, 16
OFTEN = {"annotate": 8, "edit": 4, "star": 3, "delete": 3, "unskip": 2, "import": 2}  # the others once
SELDOM = ["skip", "accept", "delete_all", "delete_task", "wipe", "add_task"]
WHAT = [what for what, times in OFTEN.items() for _ in range(times)] + SELDOM
acts = st.tuples(
    st.sampled_from(WHAT), st.integers(0, 9), st.lists(st.sampled_from(["p", "q", "drawn"]), max_size=2, unique=True)
)
fates = st.sampled_from(["arrives"] * 5 + ["is lost"] * 3 + ["comes twice"] * 2)
TIMES = {"arrives": 1, "is lost": 0, "comes twice": 2}


def play(studio, what, which, names):
    """One act of annotators or of the API."""
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


def state(parts):
    """All that a rebuild must agree on."""
    counted = parts.reviews.counted(1)
    reviews = {
        task: (one.review.id, one.review.regions, one.review.updated_at, one.data) for task, one in counted.items()
    }
    verdicts = sorted((one.decision, one.version, one.label) for one in parts.rates.judged(1))
    return reviews, verdicts


@contextmanager
def new_parts(folder, studio):
    """Parts on the records in *folder*, and none of their connections left open: forks must not share one."""
    built = build(Settings.read({"LOOP_HOME": folder, "LOOP_RETRAIN_AFTER": "1000"}))
    with closing(built):
        yield replace(built, queue=FakeQueue(), label_studio=studio, images=FakeImages())


def connected(empty_records, folder, studio):
    shutil.copy(empty_records, folder)
    with new_parts(folder, studio) as parts:
        parts.projects.save(1, "Cars", CONFIG)
        for task in range(1, TASKS + 1):
            parts.predictions.append([served(region("p"), region("q"), task=task)])


def run_and_be_killed(folder, studio, use_case, statement):
    """Run a use case in a process of its own, which is killed with -9 before its *statement*-th statement or commit."""
    child = os.fork()
    if not child:
        try:
            _die_at(statement)
            with new_parts(folder, studio) as parts:
                use_case(parts, 1)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _die_at(statement):
    left = [statement]

    def count(*_):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    sa.event.listen(sa.Engine, "commit", count)


def test_a_killed_sweep_is_made_up_for(empty_records, tmp_path):
    studio = StudioModel(TASKS)
    connected(empty_records, str(tmp_path), studio)
    for task in studio.tasks:
        studio.annotate(task, boxes("p", "drawn"))
    kills = 0

    for statement in range(3, 60, 4):
        kills += run_and_be_killed(str(tmp_path), studio, sync, statement)

    assert kills > 5
    with new_parts(str(tmp_path), studio) as parts:
        sync(parts, 1)
        assert len(state(parts)[0]) == TASKS
        assert len(state(parts)[1]) == 2 * TASKS


def test_a_review_that_comes_while_the_sweep_reads_is_kept(empty_records, tmp_path):
    studio = StudioModel(TASKS)
    connected(empty_records, str(tmp_path), studio)
    studio.add_task()
    with new_parts(str(tmp_path), studio) as parts:
        parts.reviews.record(
            one_review(region("p"), task=TASKS + 1, minutes=30), {}
        )  # the studio's clock is before that

        sync(parts, 1)

        assert list(parts.reviews.counted(1)) == [TASKS + 1]


def test_a_new_task_under_an_old_id_is_not_judged_by_what_the_old_one_was_shown(empty_records, tmp_path):
    studio = StudioModel(TASKS)
    connected(empty_records, str(tmp_path), studio)
    studio.wipe()
    studio.add_task(boxes("drawn"))
    with new_parts(str(tmp_path), studio) as parts:
        sync(parts, 1)

        assert list(parts.reviews.counted(1)) == [1]
        assert not parts.rates.judged(1)


def test_a_sweep_finds_nothing_new_in_what_the_events_told(empty_records, tmp_path):
    studio = StudioModel(TASKS)
    connected(empty_records, str(tmp_path), studio)
    for task in studio.tasks:
        studio.annotate(task, boxes("p"))
    with new_parts(str(tmp_path), studio) as parts:
        for event in studio.sent:
            parts.events.append(1, event["action"], event)
        review(parts, 1)
        seen_until = parts.projects.reviews_until(1)

        assert sync(parts, 1).startswith("0 tasks")
        assert parts.reviews.new_since(1, seen_until) == 0


def test_a_star_that_went_without_an_event_is_found_gone(empty_records, tmp_path):
    studio = StudioModel(1)
    connected(empty_records, str(tmp_path), studio)
    (task,) = studio.tasks
    studio.annotate(task, boxes("p"))
    first = task["annotations"][0]
    studio.star(task, first)
    studio.annotate(task, boxes("q"))
    second = task["annotations"][1]
    with new_parts(str(tmp_path), studio) as parts:
        sync(parts, 1)
        assert parts.reviews.counted(1)[1].review.id == first["id"]

        studio.star(task, second)  # which takes the star of the first away
        studio.edit(task, second, boxes("q"))
        second["ground_truth"] = False
        sync(parts, 1)

        assert parts.reviews.counted(1)[1].review.id == second["id"]
        assert not parts.reviews.counted(1)[1].review.is_ground_truth


def check(empty_records, played, random, fate, kills):
    """Play acts, let some of their events come, be killed while working on them and while sweeping; sweep; rebuild."""
    studio = StudioModel(TASKS)
    for act in played:
        play(studio, *act)
    events = [event for event, what in zip(studio.sent, fate, strict=False) for _ in range(TIMES[what])]
    random.shuffle(events)

    with tempfile.TemporaryDirectory() as folder:
        connected(empty_records, folder, studio)
        half = len(events) // 2
        for use_case, arrived, kill in (
            (review, events[:half], kills[0]),
            (review, events[half:], kills[1]),
            (sync, [], kills[2]),
        ):
            with new_parts(folder, studio) as parts:
                for event in arrived:
                    parts.events.append(1, event["action"], event)
            run_and_be_killed(folder, studio, use_case, kill)
        with new_parts(folder, studio) as parts:
            review(parts, 1)
            sync(parts, 1)
            swept = state(parts)
            sync(parts, 1)
            again = state(parts)
            rebuild(parts, 1)

            assert again == swept
            assert swept == state(parts)


streams = given(
    st.lists(acts, min_size=ACTS, max_size=ACTS),
    st.randoms(use_true_random=False),
    st.lists(fates, min_size=ACTS, max_size=ACTS),
    st.lists(st.integers(0, 60), min_size=3, max_size=3),
)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@streams
def test_one_sweep_ends_in_what_a_rebuild_gives(empty_records, played, random, fate, kills):
    check(empty_records, played, random, fate, kills)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=1000, suppress_health_check=list(HealthCheck))
@streams
def test_a_thousand_times_one_sweep_ends_in_what_a_rebuild_gives(empty_records, played, random, fate, kills):
    check(empty_records, played, random, fate, kills)
