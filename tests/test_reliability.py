"""The page of promises names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reliability.md").read_text()
FAULTS = r"<!-- faults: begin -->.*<!-- faults: end -->"


def test_every_test_that_is_named_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)

    assert len(named) > 40
    assert [f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text()] == []


def test_every_promise_names_a_test():
    promises = re.sub(FAULTS, "", PAGE, flags=re.DOTALL)
    rows = [line for line in promises.splitlines() if line.startswith("| ") and "proved by" not in line]

    assert [row for row in rows if "::" not in row] == []
