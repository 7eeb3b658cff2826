"""No text from Label Studio, from files or from users says anything to the terminal but itself."""

import ast
import io
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from loop.cli import screen
from loop.cli.grid import Field, show_table
from loop.cli.options import Door, print_json, print_text
from loop.errors import LoopError
from loop.installation.findings import Finding, Level
from loop.installation.outlook.situation import Situation, Standing
from loop.installation.status import ProjectStatus, Status
from loop.printable import LONGEST_LINE, TURNS, escape
from loop.rates.rates import Rates
from tests.terminal import loop

CLI = Path(screen.__file__).parent
HOSTILE = (
    "[/red]",
    "[bold red]x[/]",
    "[link=https://evil.example]x[/link]",
    "\x1b[2J\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\x\x1b]8;;\x1b\\",
    "\x9b31m",
    "one\nWRONG    two",
    "one\r\x1b[Ktwo",
    "a\u2028b",
    "\u202egnp.exe",
    "\x7f\x08\x08",
    ":smile:",
    "\ud800",
    "x" * 100_000,
)
TEXT = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=60),
    st.text(st.sampled_from("\x00\x07\x08\x1b\n\r\t\x9b\x7f[]/\\\u202e\u2028 ab:"), max_size=30),
)
SHORT = TEXT.map(lambda text: text[:500])


def obeyed(text):
    """The characters of a text that a terminal obeys, beside the ends of lines."""
    return {char for char in text if char != "\n" and (unicodedata.category(char) == "Cc" or char in TURNS)}


def printed(show, **options):
    door = Door(file=io.StringIO(), width=80, color_system=None, soft_wrap=True, **options)
    show(door)
    return door.file.getvalue()


@given(TEXT, st.booleans())
def test_a_line_is_one_line_whatever_is_in_it(text, is_terminal):
    shown = printed(lambda door: door.print(f"before {text} after"), force_terminal=is_terminal)

    assert shown.startswith("before ")
    assert shown.count("\n") == 1
    assert shown.endswith("\n")
    assert not obeyed(shown)
    assert len(shown) <= LONGEST_LINE + 10
    shown.encode()


@given(TEXT.map(lambda text: text.encode("utf-8", "replace").decode()), st.booleans())
def test_a_table_that_rich_draws_itself_obeys_no_text_in_it(text, is_terminal):
    def show(door):
        table = Table(text)
        table.add_row(text)
        door.print(table)

    assert not obeyed(printed(show, force_terminal=is_terminal))


def status_of(text):
    standings = (Standing(Situation.HELD, text),)
    counts = {"reviewed": 1, "new_reviews": 1, "training": None, "rates": Rates()}
    project = ProjectStatus(id=1, title=text, champion=text, alert=text, standings=standings, **counts)
    return Status({"web": text, "milvus": text}, [project], [text])


@given(TEXT, st.booleans())
def test_a_status_of_any_titles_is_printed_whole(text, is_terminal):
    shown = printed(lambda door: screen.show_status(door, status_of(text)), force_terminal=is_terminal)

    assert not obeyed(shown)
    assert shown.startswith("web ")
    assert not any(line.startswith("WRONG") for line in shown.splitlines())


@given(TEXT, TEXT, st.booleans())
def test_findings_of_any_text_are_a_line_each(found, advice, is_terminal):
    finding = Finding("labels", Level.WRONG, found, advice, 1)

    shown = printed(lambda door: screen.show_findings(door, [finding, finding]), force_terminal=is_terminal)

    assert not obeyed(shown)
    assert shown.count("\n") == 3 + 2 * bool(advice)


@given(st.lists(st.tuples(SHORT, SHORT), min_size=1, max_size=4), st.integers(20, 120), st.booleans())
def test_tables_of_any_text_obey_none_of_it(rows, width, is_terminal):
    door = Door(file=io.StringIO(), width=width, force_terminal=is_terminal, color_system=None, soft_wrap=True)

    show_table(door, (Field("label"), Field("why", folds=True)), rows)

    shown = door.file.getvalue()
    assert not obeyed(shown)
    assert is_terminal or shown.count("\n") == 1 + len(rows)


@given(TEXT)
def test_an_error_is_one_line_of_limited_length(text):
    shown = str(LoopError(f"{text}: expected something else"))

    assert shown.count("\n") == 0
    assert not obeyed(shown)
    assert len(shown) <= LONGEST_LINE + 1


@given(st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.none()), max_size=4))
def test_json_that_is_escaped_means_the_same(value):
    for text in (json.dumps(value, ensure_ascii=False), json.dumps(value, indent=2)):
        assert json.loads(escape(text)) == json.loads(text)
        assert not obeyed(escape(text))


def test_json_and_texts_go_through_the_door_as_well(capsys):
    for text in HOSTILE:
        print_json({"title": text})
        print_text(text.encode("utf-8", "replace").decode())

    shown = capsys.readouterr().out
    assert "\\u001b" in shown
    assert HOSTILE[3] in shown  # a pipe gets the text as it is


@pytest.mark.parametrize("title", HOSTILE)
def test_a_project_of_any_title_ends_no_command(loop_home, title):
    rooms = loop_home
    rooms.studio.projects.save(1, title.encode("utf-8", "replace").decode(), rooms.studio.projects.get(1).label_config)

    ended = loop("status")

    assert ended.code == 0, ended.err
    assert not obeyed(ended.out + ended.err)
    assert not [line for line in ended.out.splitlines() if line.startswith("WRONG")]


@pytest.fixture
def loop_home(rooms, settings, monkeypatch):
    for name, value in {"LABEL_STUDIO_URL": "http://127.0.0.1:1", "LOOP_REDIS_URL": "redis://127.0.0.1:1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOOP_HOME", str(settings.home))
    return rooms


@pytest.mark.parametrize(
    "arguments",
    [
        ("models", "add", "\x1b[31m[/red]\nfile.pt", "--project", "1"),
        ("models", "promote", "\x1b[31m[/red]", "--project", "1"),
        ("taxonomy", "check", "\x1b[2J[/red].yaml"),
        ("verdicts", "--export", "\x1b[2J[/red].json"),
        ("status", "\x1b[2J[/red]"),
        ("\x1b[2J[/red]",),
        ("--\x1b[2J[/red]",),
        ("rates", "--project", "\x1b[2J[/red]"),
        ("worker", "\x1b[2J[/red]"),
    ],
    ids=" ".join,
)
def test_arguments_that_a_shell_made_of_file_names_are_not_obeyed(loop_home, arguments):
    ended = loop(*arguments)

    assert ended.code != 0
    assert not obeyed(ended.out + ended.err)


PRINTING = ("print", "Console", "echo", "secho", "write", "writelines", "rich_print")
DOORS = {
    "options.py": {"Console", "echo", "print", "write"},
    "messages.py": {"echo", "write"},
    "terminal/streams.py": {"write"},
    "terminal/explanations.py": {"write"},  # traces, into a file
}
SOURCES = {str(file.relative_to(CLI)): file for file in sorted(CLI.rglob("*.py"))}


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_is_printed_but_through_the_doors(name):
    for node in ast.walk(ast.parse(SOURCES[name].read_text())):
        if not isinstance(node, ast.Call):
            continue
        named = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
        is_door = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") in ("out", "wide")
        is_writer = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "taxonomy_yaml"
        assert named not in PRINTING or is_door or is_writer or named in DOORS.get(name, ()), ast.unparse(node)
