"""What `loop rates` shows, as tables on the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from rich.console import Console

from loop.cli.grid import Field, one_line, show_table
from loop.rates.alerts import Alert
from loop.rates.assess import Assessment, Group
from loop.rates.intervals import Estimate, wilson
from loop.rates.rates import By, Rates, advise
from loop.rates.review_times import Seconds, Spread

FROM_AUDIT = "missed (all tasks, from the audit)"
FROM_BOTH = "missed (all its tasks, both streams)"


def show_rates(out: Console, found: Assessment) -> None:
    """Print a row a group, and below what the rates call for."""
    if not found.groups:
        out.print("no verdicts yet: nothing that was predicted has been reviewed")
        return
    is_pooled = found.by == By.VERSION
    shares = [Field(name.replace("_", " "), is_number=True) for name in Rates().shares()]
    estimates = [Field(FROM_AUDIT, is_number=True), *([Field(FROM_BOTH, is_number=True)] if is_pooled else [])]
    rows = [_group_row(group, is_pooled=is_pooled) for group in found.groups]
    show_table(out, (Field(found.by.value, folds=not is_pooled), *shares, *estimates), rows)
    if found.more_groups:
        out.print(f"and {found.more_groups} more with {found.more_verdicts} verdicts; --most 0 shows all")
    for group in found.groups:
        for advice in advise(group.rates):
            out.print(f"{one_line(group.name)}: {advice}")


def _group_row(group: Group, *, is_pooled: bool) -> tuple[str, ...]:
    shares = (_share(*share) for share in group.rates.shares().values())
    pooled = [_estimate(group.pooled, "tasks")] if is_pooled else []
    return (group.name, *shares, _estimate(group.audited, "audited tasks"), *pooled)


def show_plain(out: Console, groups: Mapping[str, Rates]) -> None:
    """Print one row per group of rates that were counted alike."""
    fields = (Field("version"), *(Field(name.replace("_", " "), is_number=True) for name in Rates().shares()))
    rows = [(name, *(_share(*share) for share in found.shares().values())) for name, found in groups.items()]
    show_table(out, fields, rows)


def show_seconds(out: Console, versions: Mapping[str, Mapping[str, Seconds]]) -> None:
    """Print the annotators' seconds by version, with boxes shown and without."""
    fields = (
        Field("version"),
        Field("condition"),
        Field("tasks", is_number=True),
        Field("seconds a task", is_number=True),
        Field("seconds an object", rank=1, is_number=True),
        Field("left out", rank=2, folds=True),
    )
    rows = [
        (name, kind, str(found.tasks), _spread(found.a_task), _spread(found.an_object), _left(found))
        for name, parts in versions.items()
        for kind, found in parts.items()
        if found.tasks or found.cut or found.unknown
    ]
    show_table(out, fields, rows)
    out.print("median, and the quartiles in brackets; tasks open for more than half an hour are left out")


def show_alerts(out: Console, alerts: Sequence[Alert]) -> None:
    """Print a line an alert, newest first."""
    for alert in alerts:
        out.print(str(alert))
    if not alerts:
        out.print("no alert yet")


def rates_json(found: Assessment) -> dict[str, object]:
    """What `loop rates --json` prints."""
    groups = {group.name: _group_json(group) for group in found.groups}
    return {
        "by": found.by.value,
        "groups": groups,
        "more": {"groups": found.more_groups, "verdicts": found.more_verdicts},
    }


def seconds_json(parts: Mapping[str, Seconds]) -> dict[str, object]:
    """The seconds of one group as plain JSON."""
    return {name.replace(" ", "_"): asdict(found) for name, found in parts.items()}


def plain_json(found: Rates) -> dict[str, object]:
    """The shares of one group with their intervals, and what they call for, as plain JSON."""
    shares: dict[str, object] = {}
    for name, (successes, total) in found.shares().items():
        interval = wilson(successes, total)
        bounds = [interval.low, interval.high] if interval else None
        shares[name] = {"count": successes, "of": total, "interval": bounds}
    return {**shares, "advice": advise(found)}


def _group_json(group: Group) -> dict[str, object]:
    return {
        **plain_json(group.rates),
        "missed_all_tasks": _estimate_json(group.audited),
        "missed_pooled": _estimate_json(group.pooled),
        "seconds": None if group.seconds is None else seconds_json(group.seconds),
    }


def _estimate_json(found: Estimate | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {"share": found.share, "interval": [found.interval.low, found.interval.high], "tasks": found.tasks}


def _share(successes: int, total: int) -> str:
    interval = wilson(successes, total)
    if interval is None:
        return "none"
    return f"{successes} of {total}: {successes / total:.0%} ({interval.low:.0%} to {interval.high:.0%})"


def _estimate(found: Estimate | None, unit: str) -> str:
    if found is None:
        return "too few"
    return f"{found.share:.0%} ({found.interval.low:.0%} to {found.interval.high:.0%}), {found.tasks} {unit}"


def _spread(found: Spread | None) -> str:
    return "" if found is None else f"{found.median:.1f} ({found.low:.1f} to {found.high:.1f})"


def _left(found: Seconds) -> str:
    left = {"open too long": found.cut, "time unknown": found.unknown}
    return ", ".join(f"{count} {why}" for why, count in left.items() if count)
