"""How often the forecast of more labelled images holds the truth, on simulated projects."""

import numpy as np
import pytest

from scripts.learning.more_images import LAWS, foretell, simulate, tell
from scripts.learning.plan import RoundResult, RunPlan, RunResult


@pytest.mark.parametrize("name", LAWS)
def test_the_interval_holds_the_truth_in_nine_of_ten_projects_of_each_law(name):
    rng = np.random.default_rng(1)
    drawn = [simulate(rng, LAWS[name](rng, rng.uniform(0.3, 0.9)), 0.2) for _ in range(250)]
    outcomes = [each for each in drawn if each]

    inside = [
        each.outlook.may_bring.interval.low <= each.truth <= each.outlook.may_bring.interval.high for each in outcomes
    ]

    assert np.mean(inside) >= 0.9
    assert tell(name, outcomes).startswith(f"| {name} | {len(outcomes)} |")


def test_most_projects_at_the_end_of_their_curve_are_not_told_to_go_on():
    rng = np.random.default_rng(1)
    drawn = [simulate(rng, LAWS["at its end"](rng, 0.7), 0.2) for _ in range(250)]

    assert np.mean([each.outlook.may_bring.interval.low > 0 for each in drawn if each]) <= 0.05


def test_a_round_of_a_study_foretells_a_later_one():
    precisions = ((30, 0.2), (60, 0.3), (90, 0.35), (120, 0.38))
    rounds = tuple(
        RoundResult(number, images, 0, 0.0, {}, 0, "promoted", 0.5, value, value - 0.02, value + 0.02, value, {})
        for number, (images, value) in enumerate(precisions, start=1)
    )

    outcomes = list(foretell(RunResult(RunPlan("composed", "random", 1, 4, 30, 240, 120, 30), rounds)))

    assert [(each.outlook.first, each.outlook.last, each.outlook.more) for each in outcomes] == [
        (30, 60, 20),
        (30, 90, 20),
    ]
    assert outcomes[0].truth == pytest.approx(0.05 * 20 / 30)
