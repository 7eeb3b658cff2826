"""What `loop doctor` shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from loop.installation.findings import Finding, Level

STYLE = {Level.OK: "green", Level.WARNING: "yellow", Level.WRONG: "bold red"}


def show_findings(out: Console, findings: Sequence[Finding]) -> None:
    """Print a line a finding, and what to do about it below."""
    for one in findings:
        where = f"project {one.project} {one.check}" if one.project is not None else one.check
        out.print(f"{one.level.value:<8}", style=STYLE[one.level], end="")
        out.print(f"{where:<24} {one.found}")
        if one.advice:
            out.print(f"{'':<8}{'':<24} → {one.advice}")
    counts = Counter(one.level for one in findings)
    out.print(", ".join(f"{counts[level]} {level.value}" for level in Level))


def findings_json(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """The findings as plain JSON."""
    return [{key: value for key, value in asdict(one).items() if value not in ("", None)} for one in findings]
