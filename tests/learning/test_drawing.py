"""The panels of a study's picture."""

from dataclasses import replace

import pytest

from scripts.learning.drawing import choose_panels
from scripts.learning.plan import ARRIVAL
from tests.learning.test_summary import run


@pytest.mark.parametrize(
    ("order", "earlier", "expected"),
    [("random", None, False), (ARRIVAL, None, False), (ARRIVAL, 0.0, True), (ARRIVAL, 0.2, True)],
)
def test_a_study_that_does_not_measure_the_first_images_alone_shows_no_zeros_for_them(order, earlier, expected):
    of_order = run(order, 1, 0.1)
    measured = replace(of_order, rounds=tuple(replace(each, earlier=earlier) for each in of_order.rounds))

    panels = choose_panels(measured)

    assert any("what came first" in panel.up for panel in panels) is expected
