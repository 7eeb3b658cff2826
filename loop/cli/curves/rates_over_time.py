"""Tables and JSON of the rates by week, and of predicted labels against reviewed ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from rich.console import Console

from loop.cli.grid import Field, show_table
from loop.cli.options import out, print_json
from loop.rates.confusion import ConfusedPair, Confusion
from loop.rates.intervals import Estimate, wilson
from loop.rates.over_time import RateLine, RatesOverTime
from loop.rates.rates import Rates

NOTHING, DELETED = "(nothing)", "(deleted)"
SHOWN_PAIRS = 40
NO_VERDICTS = "no verdicts: nothing that was predicted has been reviewed; with --since, nothing since then"


def print_weekly(history: RatesOverTime, *, as_json: bool) -> None:
    """Print one row per week: all rates without groups, else the confirmed rate of each group; advice below."""
    if as_json:
        groups = {line.name: _line_json(line) for line in history.lines}
        more = {"groups": history.more_groups, "verdicts": history.more_verdicts}
        whole = _line_json(history.whole)
        print_json({"by": history.by, "weeks": history.weeks, "whole": whole, "groups": groups, "more": more})
        return
    if not history.weeks:
        out.print(NO_VERDICTS)
        return
    names = [name.replace("_", " ") for name in Rates().shares()]
    columns = [line.name for line in history.lines] or names
    fields = (Field("week"), *(Field(name, is_number=True) for name in columns))
    show_table(out, fields, [(week, *_list_cells(history, week)) for week in history.weeks])
    if history.lines:
        out.print("the confirmed rate: the share of the predicted boxes that reviewers left as they were")
    if history.more_groups:
        out.print(f"and {history.more_groups} more with {history.more_verdicts} verdicts; --most 0 shows all")
    for line in history.lines or (history.whole,):
        for advice in line.advice:
            out.print(f"{line.name}: {advice}")


def _list_cells(history: RatesOverTime, week: str) -> Iterator[str]:
    if not history.lines:
        yield from (share_text(*share) for share in history.whole.weeks.get(week, Rates()).shares().values())
    for line in history.lines:
        yield share_text(*line.weeks.get(week, Rates()).shares()["confirmed"])


def print_shadow(rates_by_version: Mapping[str, Rates], *, as_json: bool) -> None:
    """Print the rates of a shadow and of the version that served."""
    if as_json:
        print_json({name: plain_json(version_rates) for name, version_rates in rates_by_version.items()})
    else:
        show_plain(out, rates_by_version)


def print_confusion(confusion: Confusion, *, as_json: bool) -> None:
    """Print one row per pair of a predicted and a reviewed label, most boxes first."""
    if as_json:
        print_json(asdict(confusion))
        return
    if not confusion.pairs:
        out.print(NO_VERDICTS)
        return
    fields = (Field("predicted", folds=True), Field("reviewed", folds=True), Field("boxes", is_number=True))
    show_table(out, fields, [_pair_row(pair) for pair in confusion.pairs[:SHOWN_PAIRS]])
    if len(confusion.pairs) > SHOWN_PAIRS:
        out.print(f"and {len(confusion.pairs) - SHOWN_PAIRS} more pairs; --json prints all")
    out.print("the boxes of a pair: loop verdicts --project ID --predicted-label A --reviewed-label B")


def _pair_row(pair: ConfusedPair) -> tuple[str, ...]:
    predicted = NOTHING if pair.predicted is None else pair.predicted
    return predicted, DELETED if pair.reviewed is None else pair.reviewed, str(pair.boxes)


def _line_json(line: RateLine) -> dict[str, object]:
    weeks = {week: plain_json(rates) for week, rates in line.weeks.items()}
    return {"total": {**plain_json(line.rates), "advice": line.advice}, "weeks": weeks}


def show_plain(out: Console, groups: Mapping[str, Rates]) -> None:
    """Print one row per version, of rates that were counted on the same tasks."""
    fields = (Field("version"), *(Field(name.replace("_", " "), is_number=True) for name in Rates().shares()))
    rows = [(name, *(share_text(*share) for share in rates.shares().values())) for name, rates in groups.items()]
    show_table(out, fields, rows)


def plain_json(rates: Rates) -> dict[str, object]:
    """Return the shares of one group with intervals, as plain JSON."""
    shares: dict[str, object] = {}
    for name, (successes, total) in rates.shares().items():
        interval = wilson(successes, total)
        bounds = [interval.low, interval.high] if interval else None
        shares[name] = {"count": successes, "of": total, "interval": bounds}
    return shares


def share_text(successes: int, total: int) -> str:
    """Return a share with its interval, as a cell of a table."""
    interval = wilson(successes, total)
    if interval is None:
        return "none"
    return f"{successes} of {total}: {successes / total:.0%} ({interval.low:.0%} to {interval.high:.0%})"


def estimate_json(estimate: Estimate | None) -> dict[str, object] | None:
    """Return an estimate with its interval as plain JSON."""
    if estimate is None:
        return None
    return {
        "share": estimate.share,
        "interval": [estimate.interval.low, estimate.interval.high],
        "tasks": estimate.tasks,
    }


def estimate_text(estimate: Estimate | None, unit: str) -> str:
    """Return an estimate with its interval, as a cell of a table."""
    if estimate is None:
        return "too few"
    return (
        f"{estimate.share:.0%} ({estimate.interval.low:.0%} to {estimate.interval.high:.0%}), {estimate.tasks} {unit}"
    )
