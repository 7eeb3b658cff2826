"""The sentences that say why nothing is accepted."""

import pytest

from loop.rates.accept.explain import explain
from loop.rates.accept.plan import plan_acceptance
from loop.reviews.verdicts import Decision
from tests.rates.accept.builders import ERROR, OPEN, AcceptingStudio, audit, predict, serve
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
