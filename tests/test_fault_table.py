"""The table of faults in docs/reliability.md."""

import json

import pytest

from scripts import fault_table
from tests.chaos import faults, postgres_faults

COST = {
    "predicts": 9,
    "failed": 2,
    "predicts_again_after": 0.4,
    "caught_up_after": 31.0,
    "verdicts": {"confirmed": 4, "corrected": 3, "false_positive": 2, "missed": 1},
}


def test_a_fault_has_one_row():
    text = fault_table.table({"cores": 2, "seed": 7, "faults": {"b": COST, "a": COST}})

    assert text.splitlines()[0] == "Measured on 2 cores, with the seed 7."
    assert text.splitlines()[-2:] == [f"| {name} | 2 of 9 | 0.4 s | 31.0 s | 4 / 3 / 2 / 1 |" for name in "ab"]


def test_a_run_that_did_not_come_to_its_end_makes_no_table():
    with pytest.raises(SystemExit, match=r"faults\.json lacks b: run `make test-chaos`"):
        fault_table.table({"cores": 2, "seed": 7, "faults": {"b": None, "a": COST}})


def test_the_page_has_a_row_for_each_fault(tmp_path):
    names = sorted([*faults.FAULTS, *postgres_faults.FAULTS])
    costs, page = tmp_path / "faults.json", tmp_path / "page.md"
    costs.write_text(json.dumps({"cores": 2, "seed": 7, "faults": dict.fromkeys(names, COST)}))
    page.write_text(fault_table.PAGE.read_text())

    fault_table.main(costs, page)
    once = page.read_text()
    fault_table.main(costs, page)

    assert [line.split(" | ")[0][2:] for line in once.splitlines() if line.endswith("| 4 / 3 / 2 / 1 |")] == names
    assert page.read_text() == once
