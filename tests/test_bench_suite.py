"""The benchmark suite: how it counts, and that the docs show what it wrote."""

import itertools
import random
import time

import pytest

from scripts.bench.event_clients import Answer, send_at_once
from scripts.bench.figures import BenchReport, Goal, Measurement, quantile, spread
from scripts.bench.growth import slope
from scripts.bench.page import BEGIN, END, PAGE, main
from scripts.bench.planted_errors import ERRORS, count_planted, plant
from scripts.bench.priority import may_be_empty
from scripts.demo.scenes import OF_THE_DEMO, Scene
from tests.builders import box


def test_growth_is_found_within_its_interval_whatever_the_noise():
    noise = random.Random(1)
    moments = [10.0 * number for number in range(360)]
    values = [500 + 12 * moment / 3600 + noise.gauss(0, 2) for moment in moments]

    line = slope(moments, values)

    assert abs(line.an_hour - 12) < 2 * line.within < 6
    assert line.is_growing


def test_what_only_jumps_about_does_not_grow():
    noise = random.Random(2)
    moments = [10.0 * number for number in range(360)]

    assert not slope(moments, [500 + noise.gauss(0, 5) for _ in moments]).is_growing


@pytest.mark.parametrize(("share", "expected"), [(0.5, 51), (0.99, 100), (1.0, 100)])
def test_a_quantile_is_a_value_that_was_measured(share, expected):
    assert quantile(list(range(100, 0, -1)), share) == expected


def test_a_spread_has_the_median_the_least_and_the_most():
    assert spread([3.0, 1.0, 2.0], 1) == "2.0 (1.0 to 3.0)"


def test_every_event_that_was_sent_is_counted():
    numbers = itertools.count(1)

    class Source:
        def send(self):
            time.sleep(0.01)
            return Answer(next(numbers), 0.01)

    answers = send_at_once(Source(), 4, 0.1)

    assert len(answers) == next(numbers) - 1


def test_the_page_shows_what_was_measured(tmp_path, capsys):
    page = tmp_path / "benchmarks.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    table = Measurement("Answers", ("", "p99, ms"), [["/webhook", "41"]])
    goal = Goal("intake p99", "under 100 ms", "41 ms", is_reached=True)
    BenchReport("intake", "eight clients", [table], [goal]).publish(tmp_path / "figures")

    main(page, tmp_path / "figures")

    text = page.read_text()
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| intake p99 | under 100 ms | 41 ms | reached |" in text
    assert "| Answers | p99, ms |\n|---|---|\n| /webhook | 41 |" in text
    assert "reached" in capsys.readouterr().out


def test_the_docs_show_the_figures_of_today(tmp_path):
    page = tmp_path / PAGE.name
    page.write_text(PAGE.read_text())

    main(page)

    assert page.read_text() == PAGE.read_text(), "run `python -m scripts.bench.page` and commit what it writes"


def test_a_tenth_of_the_boxes_gets_an_error_as_many_of_each_kind():
    scenes = [Scene(str(number), None, (("Bird", box()), ("Fruit", box(0.5, 0.5, 0.8, 0.8)))) for number in range(200)]

    planted = plant(scenes, random.Random(1))

    assert [count_planted(planted, error) for error in ERRORS] == [10, 10, 10, 10]
    assert sum(len(image.regions) for image in planted) == 400  # as many extra ones as missing ones
    changed = sum(len(image.wrong) + len(image.missing) for image in planted)
    assert changed == 40


def test_the_order_of_the_queue_is_measured_on_the_scenes_of_the_demo_where_none_shall_be_empty():
    assert may_be_empty(0.0) is OF_THE_DEMO
