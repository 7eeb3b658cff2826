"""The docs name what is there: commands and settings as the code has them, and files that exist."""

import re
import shlex
from pathlib import Path

import pytest
from typer.exceptions import TyperException

from loop.cli.tree import load_all
from loop.settings import Settings
from scripts.reference import commands, commands_page, http_page, settings_page

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = ("backend", "deploy", "docs", "label_config", "loop", "scripts", "tests")
PARSERS = dict(commands(load_all()))
COMMANDS = {
    name: {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for name, command in PARSERS.items()
}
RENEW = "run `python -m scripts.reference` and commit what it writes"


@pytest.mark.parametrize(
    ("name", "page"),
    [("commands.md", commands_page), ("settings.md", settings_page), ("http.md", http_page)],
    ids=["commands", "settings", "http"],
)
def test_a_reference_says_what_the_code_says(name, page):
    written = (ROOT / "docs" / name).read_text()

    assert written == page(), RENEW


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_exists(page):
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`", page.read_text())

    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_function_that_is_named_stands_in_its_file(page):
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w/]+\.py):(\w+)`", page.read_text())

    texts = {file: (ROOT / file).read_text() for file, _ in named}

    assert [
        name for file, name in named if not re.search(rf"^\s*(def|class) {name}\b", texts[file], re.MULTILINE)
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def command_of(text):
    """The longest command that a text such as `loop models promote NAME --force` begins with, if any."""
    words = text.split()
    return next((name for size in (3, 2) if (name := " ".join(words[:size])) in COMMANDS), None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_named_exists_with_its_options(page):
    text = page.read_text()
    named = [*re.findall(r"`(loop [a-z][^`]*)`", text), *re.findall(r"^(loop [a-z][^#\n]*)", text, re.MULTILINE)]

    wrong = [text for text in named if not set(re.findall(r"--[a-z-]+", text)) <= COMMANDS.get(command_of(text), set())]

    assert [text for text in named if command_of(text) is None] + wrong == []


def lines_of(text):
    """Each command that a reader can run as it stands, with the words after it, in code of one line or of several."""
    inline = [line for line in re.findall(r"`(loop [a-z][^`]*)`", text) if "--project" in line or "--" not in line]
    for line in (*inline, *re.findall(r"^ *(?:\$ )?(loop [a-z].*)", text, re.MULTILINE)):
        filled = re.sub(r"\bID\b", "7", re.sub(r"(\w+)(\|\w+)+", r"\1", line))  # of `yolo|coco` the first
        command = command_of(filled)
        words = shlex.split(filled, comments=True)[len(command.split()) :]
        if words or line not in inline:  # `loop rates` alone names the command
            yield command, words


def parse(command, words):
    """Read the words as the command does. Raises TyperException."""
    PARSERS[command].make_context(command, list(words))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_whole_line_of_a_command_is_parsed(page):
    for line in lines_of(page.read_text()):
        parse(*line)


@pytest.mark.parametrize("text", ["`loop lineage version`", "    $ loop rates --project one", "loop rates"])
def test_a_line_that_the_command_refuses_is_found(text):
    (line,) = lines_of(text)

    with pytest.raises(TyperException):
        parse(*line)


def test_lines_of_commands_are_found():
    assert sum(len(list(lines_of(page.read_text()))) for page in PAGES) > 100


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_is_named_exists(page):
    named = set(re.findall(r"`(LOOP_[A-Z_]+)", page.read_text()))

    assert named - set(Settings.variables().values()) == set()


def test_every_page_of_docs_stands_in_the_navigation_of_the_site():
    named = re.findall(r"^ +- ([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    others = ["index.md", "CONTRIBUTING.md", "CHANGELOG.md"]

    assert sorted(named) == sorted([path.name for path in (ROOT / "docs").glob("*.md")] + others)


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_the_quick_start_begins_with_what_a_person_sees_before_the_first_training():
    _, quick_start = (ROOT / "README.md").read_text().split("## Quick start\n")

    assert quick_start.strip().startswith("Before anything is trained, a person sees ")
