"""What every command does: it answers a person with text and a program with JSON, and says that it works."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache, wraps
from typing import Any, cast

import typer
from typer.main import get_command

from loop.cli.messages import LATE, narrate
from loop.cli.options import AsJson, as_plain, out, print_json
from loop.cli.terminal.streams import keep_libraries_out, stdout
from loop.secrecy import redact_texts
from loop.storage.home_folder import find_home

AS_JSON = "as_json"
SERVERS = ("loop up", "loop worker", "loop schedule")  # they run until they are stopped, and log
VIEWERS = ("loop logs",)  # they print all the time


@dataclass(frozen=True, slots=True)
class Done:
    """What a command did, the commands that follow from it, and what it was done to, by name."""

    done: tuple[str, ...]
    next: tuple[str, ...]
    of: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that is shown in full, because the command was asked for it."""

    secret: str


class Unsuccessful(Exception):
    """Ends a command with exit code 1, after its *answer*."""

    def __init__(self, answer: object = None) -> None:
        super().__init__()
        self.answer = answer


def done(*lines: str, then: str | tuple[str, ...] = (), **of: object) -> Done:
    """Print what was done, and what a person does *then*; return both with the names and ids *of* it."""
    follows = (then,) if isinstance(then, str) else then
    for line in lines:
        out.print(line)
    for line in filter(None, follows):
        out.print(f"next: {line}")
    return Done(lines, tuple(filter(None, follows)), of)


def equip(command: Any, path: str) -> Any:
    """
    Return a command, or a group, in which every command has `--json`.

    A command prints for a person through `out`, and returns the same as a dataclass or a list, as `--json` prints it;
    or it yields objects, each of which is a line of JSON. One that takes its own `--json` prints by itself.
    """
    commands: Mapping[str, Any] = getattr(command, "commands", {})
    for name, each in commands.items():
        equip(each, f"{path} {name}")
    if command.callback is not None and (not commands or command.invoke_without_command):
        has_own = any("--json" in parameter.opts for parameter in command.params)
        command.callback = _answering(command.callback, path, has_own=has_own)
        command.params = [*command.params, *([] if has_own else [_make_option()])]
    return command


def _answering(callback: Callable[..., Any], path: str, *, has_own: bool) -> Callable[..., None]:
    """Return a callback that runs another one and prints its answer."""

    @wraps(callback)
    def run(**given: Any) -> None:
        is_json = False if has_own else given.pop(AS_JSON, False)
        if path in SERVERS:
            out.prints_json = is_json
            callback(**given)
            return
        log = find_home() / "logs" / "libraries.log"
        with keep_libraries_out(log), _talk(path), _silent(is_json):
            try:
                answer = callback(**given)
                for each in answer if isinstance(answer, Iterator) else ():
                    _print(each, is_json, indent=None)
                    stdout.flush()  # a reader follows
            except Unsuccessful as end:
                _print(end.answer, is_json)
                raise typer.Exit(1) from None
            if not isinstance(answer, Iterator):
                _print(answer, is_json)

    return run


def _talk(path: str) -> AbstractContextManager[object]:
    """Say that a command works, if it takes long."""
    return nullcontext() if path in VIEWERS else narrate(path, after=LATE)


def _print(answer: object, is_json: bool, indent: int | None = 2) -> None:
    if answer is None or not is_json:
        return
    plain = as_plain(answer)
    print_json(plain if isinstance(answer, Secret) else redact_texts(plain), indent=indent)


@contextmanager
def _silent(is_silent: bool) -> Iterator[None]:
    """Print nothing for a person."""
    before, out.quiet = out.quiet, is_silent or out.quiet
    try:
        yield
    finally:
        out.quiet = before


@cache
def _make_option() -> Any:
    """Return the option `--json` as Typer makes it."""
    pattern = typer.Typer(add_completion=False)

    @pattern.command()
    def command(as_json: AsJson = False) -> None:
        """Have the option."""

    return cast("Any", get_command(pattern)).params[0]
