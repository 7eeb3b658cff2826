"""What every command of `loop` has: a place in the help, a sentence, and an answer for programs."""

import json
import shutil

import pytest

from loop.cli.tree import TOP, load_all
from loop.settings import Settings
from loop.wiring import build
from tests.builders import CONFIG
from tests.cli.builders import SERVERS, calls, commands, files
from tests.terminal import loop

COMMANDS = dict(commands())
NOWHERE = {
    "LABEL_STUDIO_URL": "http://127.0.0.1:1",
    "LABEL_STUDIO_API_KEY": "",
    "LOOP_REDIS_URL": "redis://127.0.0.1:1",
    "LOOP_MILVUS_URI": "http://127.0.0.1:1",
}


@pytest.fixture
def home(tmp_path, monkeypatch, empty_records):
    """An installation with a project and nothing that runs."""
    home = tmp_path / "home"
    (home / "logs").mkdir(parents=True)
    (home / "logs" / "web.log").write_text('{"at": "2026-01-01T00:00:00", "level": "INFO", "message": "began"}\n')
    shutil.copy(empty_records, home)
    for name, value in {**NOWHERE, "LOOP_HOME": str(home)}.items():
        monkeypatch.setenv(name, value)
    rooms = build(Settings.read())
    rooms.studio.projects.save(1, "Cars", CONFIG)
    rooms.close()
    return home


def first_paragraph(command):
    return (command.help or "").strip().partition("\n\n")[0].replace("\n", " ")


def test_the_help_of_loop_lists_each_command_in_one_of_few_panels():
    whole = load_all()

    assert 3 <= len(TOP) <= 6
    assert list(whole.commands) == [name for listed in TOP.values() for name in listed]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_says_in_a_sentence_what_it_does(path):
    sentence = first_paragraph(COMMANDS[path])

    assert sentence.endswith(".")
    assert ". " not in sentence
    assert len(sentence) <= 130


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_has_an_option_for_programs(path):
    assert [option for parameter in COMMANDS[path].params for option in parameter.opts].count("--json") == 1


@pytest.mark.parametrize("path", [path for path in COMMANDS if path[-1] not in SERVERS], ids=" ".join)
def test_a_command_answers_a_program_with_json_alone_also_when_it_fails(home, tmp_path, path):
    command = COMMANDS[path]
    arguments = next(calls(command, files(tmp_path / "files")), [])
    needed = [word for word in arguments if word != "--json"]

    for given in (needed, []):
        ended = loop(*path, *given, "--json")
        answers = read_json(ended.out)

        assert ended.code in (0, 1, 2), ended
        if ended.code == 2 or (ended.code == 1 and not answers):
            assert answers, ended
        if answers and isinstance(answers[-1], dict) and "error" in answers[-1] and "exit_code" in answers[-1]:
            assert answers[-1]["exit_code"] == ended.code
            assert answers[-1]["error"]["message"]


def read_json(text):
    """One document, or one a line."""
    try:
        return [json.loads(text)] if text else []
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]
