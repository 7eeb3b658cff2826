"""Plays a fault while an annotator works, and measures what it cost."""

import time
from collections import Counter, defaultdict

from loop.reviews.verdict_query import VerdictFilter
from tests.chaos.annotator import VERDICTS
from tests.services import until

CAUGHT_UP_SECONDS = 240.0


def play(installation, probe, fault):
    """
    Play a fault while an annotator gives all four verdicts; return what it cost.

    The last two durations count from the end of the fault; where a fault has no end but what the loop does about it, as
    a kill and a process that hangs, from its beginning.
    """
    installation.forget_fault()  # one before it may have failed
    known = set(installation.annotator.decided)
    began = time.monotonic()
    with fault(installation):
        installation.review_all_kinds(known)
    over_at = installation.over_at or time.monotonic()
    installation.review_all_kinds(known)  # one more; and where Label Studio lost reviews, all four verdicts again
    until(lambda: time.monotonic() - over_at > 2 and probe.works_again_after(over_at) is not None, 120)
    until(lambda: not wrong(installation), CAUGHT_UP_SECONDS, every=0.5)
    caught_up_at = time.monotonic()
    answers = probe.between(began, caught_up_at)
    verdicts = judged_besides(installation, known)
    assert verdicts.keys() == VERDICTS
    installation.settle()
    return {
        "predicts": len(answers),
        "failed": answers.count(False),
        "predicts_again_after": round(probe.works_again_after(over_at), 1),
        "caught_up_after": round(caught_up_at - over_at, 1),
        "verdicts": {verdict: verdicts[verdict] for verdict in sorted(VERDICTS)},
    }


def judged(installation):
    """How often each verdict was given on each task that was reviewed."""
    decisions = defaultdict(Counter)
    for verdict in installation.rooms.reviews.verdicts.all(VerdictFilter(project=installation.project_id)):
        decisions[verdict.task][str(verdict.decision)] += 1
    return decisions


def judged_besides(installation, known):
    """How often each verdict was recorded on tasks that were not *known*."""
    new = (decisions for task, decisions in judged(installation).items() if task not in known)
    return sum(new, Counter())


def wrong(installation):
    """The tasks whose verdicts are not what the annotator decided, and those with verdicts that nobody gave."""
    recorded, decided = judged(installation), installation.annotator.decided
    tasks = decided.keys() | recorded.keys()
    return {task: (decided.get(task), recorded.get(task)) for task in tasks if decided.get(task) != recorded.get(task)}


def reviewed_twice(installation):
    """The tasks with more than one review: nobody reviewed one twice."""
    return [task["id"] for task in installation.tasks() if len(task["annotations"]) > 1]
