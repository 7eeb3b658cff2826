"""Tables on the terminal. Cells are never cut; a table in a pipe is as wide as it needs to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from loop.cli.options import Door
from loop.printable import one_line
from loop.secrecy import redact

GAP = 2  # spaces between two columns
FOLDED = 20  # least width of a column that folds, in cells
BESIDE = 32  # least width of a value beside its name, in cells


@dataclass(frozen=True, slots=True)
class Field:
    """
    A column of a table.

    A terminal that is too narrow drops columns, highest *rank* first; rank 0 is never dropped. A column that *folds*
    breaks its text into lines before any column is dropped.
    """

    name: str
    rank: int = 0
    is_number: bool = False
    folds: bool = False


def show_table(out: Console, fields: Sequence[Field], rows: Sequence[Sequence[str]], meaning: str = "") -> None:
    """
    Print a table, and under it the *meaning* of its scores in one line.

    A terminal that is too narrow for the columns of rank 0 gets one block of lines per row, with every column.
    """
    cells = [[one_line(redact(cell)) for cell in row] for row in rows]  # redacts before a line breaks within a secret
    widths = [max(map(cell_len, (field.name, *column))) for field, *column in _columns(fields, cells)]
    _show_rows(out, fields, cells, widths)
    if meaning and rows:
        out.print(meaning)


def _show_rows(out: Console, fields: Sequence[Field], cells: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    if not out.is_terminal:
        wide = Door(file=out.file, width=_total(widths), quiet=out.quiet)
        wide.print(_grid(fields, cells, widths, range(len(fields))), soft_wrap=False)
        return
    shown = _fitting(fields, widths, out.width)
    if shown is None:
        _show_blocks(out, fields, cells)
        return
    out.print(_grid(fields, cells, widths, shown), soft_wrap=False)
    dropped = [field.name for place, field in enumerate(fields) if place not in shown]
    if dropped:
        out.print(f"not shown: {', '.join(dropped)}; a wider terminal or a pipe shows every column", soft_wrap=False)


def _columns(fields: Sequence[Field], cells: Sequence[Sequence[str]]) -> list[tuple[Field, *tuple[str, ...]]]:
    return [(field, *(row[place] for row in cells)) for place, field in enumerate(fields)]


def _total(widths: Sequence[int]) -> int:
    return max(1, sum(widths) + GAP * (len(widths) - 1))


def _fitting(fields: Sequence[Field], widths: Sequence[int], width: int) -> list[int] | None:
    """Return the indexes of the columns that fit into *width*; None if the columns of rank 0 do not fit."""
    least = [min(needed, FOLDED) if field.folds else needed for field, needed in zip(fields, widths, strict=True)]
    shown = list(range(len(fields)))
    while _total([least[place] for place in shown]) > width:
        droppable = [place for place in shown if fields[place].rank]
        if not droppable:
            return None
        shown.remove(max(droppable, key=lambda place: (fields[place].rank, place)))
    return shown


def _grid(
    fields: Sequence[Field], cells: Sequence[Sequence[str]], widths: Sequence[int], shown: Sequence[int]
) -> Table:
    columns = [
        Column(
            Text(fields[place].name),
            justify="right" if fields[place].is_number else "left",
            no_wrap=not fields[place].folds,
            min_width=min(widths[place], FOLDED) if fields[place].folds else widths[place],
            overflow="fold",
        )
        for place in shown
    ]
    table = Table(*columns, box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for row in cells:
        table.add_row(*(Text(row[place]) for place in shown))
    return table


def _show_blocks(out: Console, fields: Sequence[Field], cells: Sequence[Sequence[str]]) -> None:
    """Print each row as a block: its first column, and below it every further column that has a value."""
    beside = max((cell_len(field.name) for field in fields[1:]), default=0) + 2 * GAP
    for first, *others in cells:
        out.print(Text(f"{fields[0].name} {first}", style="bold", overflow="fold"), soft_wrap=False)
        for field, cell in zip(fields[1:], others, strict=True):
            if not cell:
                continue
            if beside + BESIDE <= out.width:
                line = Table.grid(Column(width=beside, no_wrap=True), Column(overflow="fold"))
                line.add_row(Text(f"{'':{GAP}}{field.name}"), Text(cell))
                out.print(line, soft_wrap=False)
            else:
                out.print(Text(f"{'':{GAP}}{field.name}", overflow="fold"), soft_wrap=False)
                out.print(Padding(Text(cell, overflow="fold"), (0, 0, 0, 2 * GAP)), soft_wrap=False)
