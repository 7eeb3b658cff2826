"""The figures of a chart, which a page shows as a picture and as a table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Series:
    """
    One line or one row of bars: a value for each place on the x axis, None where there is none.

    *low* and *high* are the ends of an interval around each value; without them there is no interval.
    """

    name: str
    values: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """
    A chart: *kind* is `line`, `bar` or `points`; *places* are the texts or numbers on the x axis.

    *id* is unique on its page. With *is_share*, values are between 0 and 1 and shown as percent. In a chart of numbers
    on the x axis, the places are as far from each other as the numbers are.
    """

    id: str
    title: str
    x: str
    y: str
    places: Sequence[str | float]
    series: Sequence[Series]
    kind: str = "line"
    is_share: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return what the script in the page draws."""
        return asdict(self)

    def rows(self) -> list[tuple[str, ...]]:
        """Return the rows of the table: the place, and the value of each series with its interval."""
        return [
            (str(place), *(self._cell(series, number) for series in self.series))
            for number, place in enumerate(self.places)
        ]

    def _cell(self, series: Series, number: int) -> str:
        value = series.values[number]
        if value is None:
            return ""
        ends = (series.low[number], series.high[number]) if series.low and series.high else (None, None)
        low, high = ends
        interval = "" if low is None or high is None else f" ({self._write(low)} to {self._write(high)})"
        return f"{self._write(value)}{interval}"

    def _write(self, value: float) -> str:
        return f"{value:.1%}" if self.is_share else f"{value:.4g}"
