"""Output of `loop doctor`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from loop.installation.findings import Finding, Level

STYLE = {Level.OK: "green", Level.WARNING: "yellow", Level.WRONG: "bold red"}


def show_findings(out: Console, findings: Sequence[Finding]) -> None:
    """Print finding line per finding, with its advice below."""
    for finding in findings:
        where = f"project {finding.project} {finding.check}" if finding.project is not None else finding.check
        out.print(f"{finding.level.value:<8}", style=STYLE[finding.level], end="")
        out.print(f"{where:<24} {finding.found}")
        if finding.advice:
            out.print(f"{'':<8}{'':<24} → {finding.advice}")
    counts = Counter(finding.level for finding in findings)
    out.print(", ".join(f"{counts[level]} {level.value}" for level in Level))


def findings_json(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """Return the findings as plain JSON."""
    return [{key: value for key, value in asdict(finding).items() if value not in ("", None)} for finding in findings]
