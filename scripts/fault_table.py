"""Writes what each fault of `make test-chaos` cost into docs/reliability.md, when run by `python -m`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE, COSTS = ROOT / "docs" / "reliability.md", ROOT / "faults.json"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
VERDICTS = ("confirmed", "corrected", "false_positive", "missed")
FIELDS = ("fault", "predicts that failed", "predicts again after", "all reviews judged after", "verdicts under it")


def table(result: Mapping[str, Any]) -> str:
    """Return the costs of each fault as a table. Raises SystemExit where a fault was not played to its end."""
    missing = sorted(fault for fault, cost in result["faults"].items() if cost is None)
    if missing:
        sys.exit(f"{COSTS.name} lacks {', '.join(missing)}: run `make test-chaos` to its end")
    rows = [_row(fault, cost) for fault, cost in sorted(result["faults"].items())]
    lines = [_line(FIELDS), "|---" * len(FIELDS) + "|", *map(_line, rows)]
    return "\n".join([f"Measured on {result['cores']} cores, with the seed {result['seed']}.", "", *lines])


def _row(fault: str, cost: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        *(fault, f"{cost['failed']} of {cost['predicts']}"),
        *(f"{cost[key]:.1f} s" for key in ("predicts_again_after", "caught_up_after")),
        " / ".join(str(cost["verdicts"][verdict]) for verdict in VERDICTS),
    )


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def main(costs: Path = COSTS, page: Path = PAGE) -> None:
    """Replace the table in the page."""
    text = table(json.loads(costs.read_text()))
    page.write_text(re.sub(f"{BEGIN}.*{END}", f"{BEGIN}\n{text}\n{END}", page.read_text(), flags=re.DOTALL))


if __name__ == "__main__":
    main()
