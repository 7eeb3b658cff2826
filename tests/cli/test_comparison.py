"""What `loop models compare` prints."""

import io
from dataclasses import replace

from rich.console import Console

from loop.cli.answers.comparison import show_comparison
from loop.gate.evaluation import ShownBoxes
from tests.gate.builders import gate_report


def printed(*shown):
    report = gate_report()
    out = io.StringIO()
    comparison = replace(report.comparison, shown=shown)
    show_comparison(Console(file=out, width=200), replace(report, comparison=comparison, thresholds=(0.25, 0.25)))
    return out.getvalue()


def test_a_threshold_with_fewer_mistakes_is_named():
    many, few = ShownBoxes(0.25, right=9, wrong=200, missed=1), ShownBoxes(0.6, right=6, wrong=3, missed=4)

    text = printed(many, few)

    assert "at the threshold of 0.25 it shows 9 right and 200 wrong boxes" in text
    assert "at 0.6, with the fewest mistakes, 6 and 3" in text


def test_nothing_is_said_where_the_threshold_is_the_best_or_none_was_counted():
    assert "threshold" not in printed(ShownBoxes(0.25, 9, 2, 1), ShownBoxes(0.6, 6, 1, 4))
    assert "threshold" not in printed()
