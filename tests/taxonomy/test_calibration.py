"""Thresholds for each category."""

import numpy as np
import pytest

from loop.taxonomy.calibration import Basis, CalibrationPolicy, calibrate_nodes
from loop.taxonomy.voting import MatchPolicy, Neighbours
from tests.taxonomy.builders import FAUNA, PLACES, near


def by_node(rows):
    return {row.node: row for row in rows}


def test_a_threshold_keeps_the_risk_that_is_asked_for():
    scores = np.linspace(0.99, 0.5, 100)
    neighbours = near(*([("bird", score)] for score in scores))
    is_wrong = (scores < 0.7) & (np.arange(100) % 2 == 0)
    truth = np.where(is_wrong, PLACES["fish"], PLACES["bird"])

    row = by_node(calibrate_nodes(FAUNA, neighbours, truth, policy=CalibrationPolicy(risk=0.05, least_coverage=0.0)))[
        "bird"
    ]

    assert row.basis is Basis.OWN
    assert row.risk == pytest.approx(0.05, abs=0.02)
    assert row.reaches
    assert 0.6 < row.threshold < 0.7
    assert row.coverage == pytest.approx(0.65, abs=0.05)


def test_without_risk_something_is_left_that_is_unknown():
    scores = np.linspace(0.99, 0.5, 100)

    row = by_node(calibrate_nodes(FAUNA, near(*([("tool", score)] for score in scores)), np.full(100, PLACES["tool"])))[
        "tool"
    ]

    assert row.coverage == pytest.approx(0.95, abs=0.02)
    assert (row.references, row.risk, row.reaches) == (100, 0.0, True)


def test_a_risk_that_cannot_be_kept_is_reported():
    rng = np.random.default_rng(0)
    neighbours = near(*([("bird", score)] for score in rng.uniform(0.5, 0.9, 200)))
    truth = rng.choice([PLACES["bird"], PLACES["fish"]], 200)

    row = by_node(calibrate_nodes(FAUNA, neighbours, truth))["bird"]

    assert not row.reaches
    assert row.coverage == pytest.approx(0.8, abs=0.1)


def test_a_node_with_few_references_takes_those_of_its_siblings_then_of_all():
    many = [[("bird", score)] for score in np.linspace(0.6, 0.9, 40)]
    truth = np.array([PLACES["bird"]] * 40 + [PLACES["tool"]])

    rows = by_node(calibrate_nodes(FAUNA, near(*many, [("tool", 0.95)]), truth))

    assert (rows["bird"].basis, rows["fish"].basis) == (Basis.OWN, Basis.SIBLINGS)
    assert rows["fish"].threshold == rows["bird"].threshold
    assert (rows["fish"].references, rows["fish"].coverage, rows["fish"].risk) == (0, None, None)
    assert rows["tool"].basis is Basis.SIBLINGS
    assert rows["tool"].references == 1


def test_with_one_reference_the_default_stays():
    rows = calibrate_nodes(FAUNA, near([("tool", 0.9)]), np.array([PLACES["tool"]]))

    assert {row.basis for row in rows} == {Basis.NOTHING}
    assert {row.threshold for row in rows} == {MatchPolicy().threshold}


def test_without_any_reference_there_are_rows_with_defaults():
    nothing = Neighbours(np.zeros((0, 5), str), np.zeros((0, 5), np.float32), np.zeros((0, 5), np.intp))

    assert [row.references for row in calibrate_nodes(FAUNA, nothing, np.zeros(0, np.intp))] == [0, 0, 0, 0]
