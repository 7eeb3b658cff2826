"""The gate."""

import pytest

from loop.gate import Metrics, rule


@pytest.mark.parametrize(
    ("candidate", "champion", "passed"),
    [
        pytest.param(0.31, 0.30, True, id="better"),
        pytest.param(0.30, 0.30, False, id="as-good"),
        pytest.param(0.29, 0.30, False, id="worse"),
    ],
)
def test_only_a_better_candidate_passes(candidate, champion, passed):
    ruling = rule(Metrics(0.5, candidate, 10, 30), Metrics(0.5, champion, 10, 30))

    assert ruling.is_passed is passed
    assert f"{champion:.3f}" in ruling.reason


def test_different_splits_are_never_compared():
    with pytest.raises(ValueError, match="different splits"):
        rule(Metrics(0.5, 0.5, 10, 30), Metrics(0.5, 0.4, 11, 30))
