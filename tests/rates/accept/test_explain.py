"""The sentences that say why nothing is accepted."""

import pytest

from loop.rates.accept.explain import explain
from loop.rates.accept.plan import plan_acceptance
from loop.reviews.verdicts import Decision
from tests.rates.accept.builders import ERROR, NOTHING, OPEN, AcceptingStudio, accept, audit, predict, serve
from tests.swap import swap

FEW = 5


@pytest.mark.parametrize(
    ("open_tasks", "audited", "decision", "words"),
    [
        (FEW, 0, Decision.CONFIRMED, f"{FEW} open tasks are too few to bound their wrong boxes"),
        (FEW, 20, Decision.FALSE_POSITIVE, f"{FEW} open tasks are too few to bound their wrong boxes"),
        (OPEN, 40, Decision.FALSE_POSITIVE, "too many of their boxes are wrong"),
    ],
    ids=["few-tasks-without-an-audit", "few-tasks-with-wrong-boxes", "many-tasks-with-wrong-boxes"],
)
def test_a_plan_without_tasks_names_the_cause(rooms, tmp_path, open_tasks, audited, decision, words):
    (tmp_path / "some.pt").write_bytes(b"weights")
    serve(rooms, tmp_path)
    studio = AcceptingStudio(open_tasks)
    loop = swap(rooms, (rooms.studio.client, studio))
    predict(loop, studio)
    audit(loop, range(1000, 1000 + audited), decision)

    (line,) = explain(plan_acceptance(loop.rates, 1, ERROR))

    assert words in line


@pytest.mark.parametrize(("error", "words"), [(0.3, "at most 30% of them"), (0.3333, "at most 33.33% of them")])
def test_the_bound_is_told_as_it_was_asked_for(loop, error, words):
    (_, bound) = explain(plan_acceptance(loop.rates, 1, error))

    assert f"wrong boxes: {words}, with 95% confidence" in bound


def test_what_was_accepted_before_is_told_where_the_bound_is_that_of_both(loop, studio):
    accept(loop)
    studio.add_task()
    studio.tasks[-1].update(NOTHING, predictions=[])
    predict(loop, studio)

    plan = plan_acceptance(loop.rates, 1, ERROR)

    assert (len(plan.tasks), plan.accepted_before) == (1, OPEN)
    assert f"at most 30% of them and of {OPEN} tasks accepted before, with 95%" in explain(plan)[1]
