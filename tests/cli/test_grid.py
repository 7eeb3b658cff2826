"""Tables on terminals of any width, and into a pipe."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from loop.cli import rates as rates_screen
from loop.cli.grid import Field, one_line, show_table
from loop.rates.assess import Assessment, RatesGroup
from loop.rates.intervals import estimate
from loop.rates.rates import Grouping, Rates
from loop.registry.store import VersionFacts
from loop.secrecy import redact
from tests.terminal import loop

FIELDS = (
    Field("version"),
    Field("aliases", folds=True),
    Field("note", rank=3, folds=True),
    Field("boxes", rank=2, is_number=True),
    Field("created", rank=1),
)
ROWS = [
    ("yolo_detector@1.2.0", "previous", "an ordinary note", "7", "2026-11-25 23:00"),
    ("yolo_detector@1.10.0", "champion, pinned", "车辆和行人 and 🚗🚲", "12345", "2026-11-25 23:00"),
]
WIDTHS = (40, 60, 80, 120, 200)


def rendered(width, *, is_terminal, fields=FIELDS, rows=ROWS):
    out = Console(file=io.StringIO(), width=width, force_terminal=is_terminal, color_system=None, soft_wrap=True)
    show_table(out, fields, rows)
    return out.file.getvalue().splitlines()


@pytest.mark.parametrize("width", WIDTHS)
def test_what_identifies_a_row_is_whole_on_a_terminal_of_any_width(width):
    lines = rendered(width, is_terminal=True)

    assert all(any(row[0] in line for line in lines) for row in ROWS)
    assert max(cell_len(line) for line in lines) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_into_a_pipe_each_row_is_one_whole_line(width):
    header, *lines = rendered(width, is_terminal=False)

    assert [name for name in header.split() if name] == [field.name for field in FIELDS]
    assert all(cell in line for row, line in zip(ROWS, lines, strict=True) for cell in row)


def test_the_least_important_columns_go_first_and_are_named():
    *_, note = rendered(70, is_terminal=True)

    assert note == "not shown: note; a wider terminal or a pipe shows every column"


def test_a_terminal_too_narrow_for_any_table_gets_a_block_per_row_with_every_column():
    text = "\n".join(rendered(30, is_terminal=True))

    assert "version yolo_detector@1.10.0" in text
    assert "12345" in text
    assert "2026-11-25 23:00" in text


def test_numbers_stand_below_each_other_by_their_last_digit():
    header, first, second = rendered(200, is_terminal=False)

    assert header.index("boxes") + 5 == first.index(" 7 ") + 2
    assert cell_len(second[: second.index("12345")]) + 5 == header.index("boxes") + 5


CELL = st.text(st.characters(), max_size=60)


@given(st.lists(st.tuples(CELL, CELL, CELL, CELL, CELL), min_size=1, max_size=3), st.integers(20, 200), st.booleans())
def test_no_cell_of_any_text_is_cut_or_obeyed(rows, width, is_terminal):
    text = "".join("\n".join(rendered(width, is_terminal=is_terminal, rows=rows)).split())

    names = [one_line(redact(row[0])) for row in rows]
    assert all("".join(name.split()) in text for name in names if cell_len(name) < 20)
    assert "\x1b" not in text
    text.encode()


def rates(name):
    counted = Rates(confirmed=345, corrected=122, false_positive=38, missed=97)
    return RatesGroup(name, counted, estimate([]), estimate([]), None)


@pytest.mark.parametrize("width", WIDTHS)
def test_rates_of_many_versions_are_whole_at_any_width(width):
    out = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, soft_wrap=True)
    groups = [rates(f"yolo_detector@1.{minor}.0") for minor in range(12)]

    rates_screen.show_rates(out, Assessment(Grouping.VERSION, groups, 0, 0))

    table, _, _ = out.file.getvalue().partition("missed: annotate")
    lines = table.splitlines()[:-1]
    assert max(map(cell_len, lines)) <= width
    assert all(any(group.name in line for line in lines) for group in groups)
    assert sum("345 of 505: 68% (64% to 72%)" in line for line in lines) == 12


@pytest.fixture
def versions(rooms, settings, monkeypatch, tmp_path):
    monkeypatch.setenv("LOOP_HOME", str(settings.home))
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"weights")
    for _ in range(12):
        rooms.registry.versions.add(1, weights, VersionFacts(snapshot="ab" * 32))
    return rooms


def test_versions_are_listed_by_their_numbers(versions):
    done = loop("models", "list", "--project", "1")

    assert [line.split()[0] for line in done.out.splitlines()[1:]] == [f"yolo_detector@1.{n}.0" for n in range(12)]


def test_a_version_that_was_added_late_stands_where_its_number_belongs(versions, tmp_path):
    versions.registry.versions.add(1, tmp_path / "weights.pt", number="1.2.1")

    names = [version.name for version in versions.registry.versions.list(1)]

    assert names[2:5] == ["yolo_detector@1.2.0", "yolo_detector@1.2.1", "yolo_detector@1.3.0"]
