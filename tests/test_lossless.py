"""Whatever events are lost, doubled or late, and wherever we crash, one sweep ends in what a rebuild gives."""

import tempfile
from contextlib import closing, suppress
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.bootstrap import build
from loop.review import review
from loop.settings import Settings
from loop.sync import rebuild, sync
from tests.builders import CONFIG, region, served
from tests.builders import review as one_review
from tests.fakes import FakeImages, FakeQueue
from tests.studio_model import StudioModel, boxes

TASKS = 4
acts = st.tuples(
    st.sampled_from(["annotate", "skip", "truth", "edit", "unskip", "delete", "delete_task", "add_task", "import"]),
    st.integers(0, 9),
    st.lists(st.sampled_from(["p", "q", "drawn"]), max_size=2, unique=True),
)
fates = st.sampled_from(["arrives", "arrives", "arrives", "is lost", "comes twice"])


class Crash(Exception):
    """We were killed here."""


class Dying:
    """Reviews that are recorded until we die."""

    def __init__(self, reviews, lives):
        self._reviews, self._lives = reviews, lives

    def __getattr__(self, name):
        if name in ("record", "delete", "replace_verdicts"):
            self._lives -= 1
            if self._lives < 0:
                raise Crash
        return getattr(self._reviews, name)


def play(studio, what, which, names):
    if not studio.tasks or what in ("add_task", "import"):
        return studio.add_task(boxes(*names) if what == "import" else None)
    task = studio.tasks[which % len(studio.tasks)]
    annotations = task["annotations"]
    if what in ("annotate", "skip", "truth"):
        return studio.annotate(task, boxes(*names), skipped=what == "skip", truth=what == "truth")
    if what == "delete_task":
        return studio.delete_task(task)
    if annotations:
        annotation = annotations[which % len(annotations)]
        if what == "delete":
            return studio.delete_annotation(task, annotation)
        return studio.edit(task, annotation, boxes(*names), skipped=what == "edit" and which == 0)
    return None


def state(parts):
    """All that a rebuild must agree on."""
    counted = parts.reviews.counted(1)
    reviews = {
        task: (one.review.id, one.review.regions, one.review.updated_at, one.data) for task, one in counted.items()
    }
    verdicts = sorted((one.decision, one.version, one.label) for one in parts.reviews.judged(1))
    return reviews, verdicts


def new_parts(folder, studio):
    built = build(Settings.read({"LOOP_HOME": folder, "LOOP_RETRAIN_AFTER": "1000"}), migrate=True)
    built.projects.save(1, "Cars", CONFIG)
    for task in range(1, TASKS + 1):
        built.predictions.append([served(region("p"), region("q"), task=task)])
    return replace(built, queue=FakeQueue(), label_studio=studio, images=FakeImages())


def test_a_review_that_comes_while_the_sweep_reads_is_kept():
    studio = StudioModel(TASKS)
    studio.add_task()
    with tempfile.TemporaryDirectory() as folder, closing(new_parts(folder, studio)) as parts:
        parts.reviews.record(one_review(region("p"), task=5, minutes=30), {})  # the studio's clock is before that

        sync(parts, 1)

        assert list(parts.reviews.counted(1)) == [5]


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(
    st.lists(acts, max_size=14),
    st.randoms(use_true_random=False),
    st.lists(fates, min_size=14, max_size=14),
    st.integers(0, 12),
)
def test_one_sweep_ends_in_what_a_rebuild_gives(played, random, fate, lives):
    studio = StudioModel(TASKS)
    for act in played:
        play(studio, *act)
    times = {"arrives": 1, "is lost": 0, "comes twice": 2}
    events = [event for event, what in zip(studio.sent, fate, strict=False) for _ in range(times[what])]
    random.shuffle(events)

    with tempfile.TemporaryDirectory() as folder, closing(new_parts(folder, studio)) as parts:
        half = len(events) // 2
        for event in events[:half]:
            parts.events.append(1, event["action"], event)
        with suppress(Crash):
            review(replace(parts, reviews=Dying(parts.reviews, lives)), 1)
        for event in events[half:]:
            parts.events.append(1, event["action"], event)
        review(parts, 1)
        with suppress(Crash):
            sync(replace(parts, reviews=Dying(parts.reviews, lives)), 1)
        sync(parts, 1)
        swept = state(parts)
        sync(parts, 1)
        again = state(parts)
        rebuild(parts, 1)

        assert again == swept
        assert swept == state(parts)
