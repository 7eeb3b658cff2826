"""Writes what each fault of `make test-chaos` cost into docs/reliability.md, when run by `python -m`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE, COSTS = ROOT / "docs" / "reliability.md", ROOT / "faults.json"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
HEAD = "| fault | predicts that failed | predicts again after | all reviews judged after |\n|---|---|---|---|"


def table(costs: Mapping[str, Mapping[str, float]], cores: int) -> str:
    """Return the costs of each fault as a table, with the number of cores that they were measured on."""
    rows = [
        f"| {fault} | {cost['failed']} of {cost['predicts']} | {cost['predicts_again_after']:.1f} s | "
        f"{cost['caught_up_after']:.1f} s |"
        for fault, cost in sorted(costs.items())
    ]
    return "\n".join([f"Measured on {cores} cores.", "", HEAD, *rows])


def main() -> None:
    """Replace the table in the page."""
    text = table(json.loads(COSTS.read_text()), os.cpu_count() or 1)
    page = re.sub(f"{BEGIN}.*{END}", f"{BEGIN}\n{text}\n{END}", PAGE.read_text(), flags=re.DOTALL)
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
