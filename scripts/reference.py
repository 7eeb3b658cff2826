"""
Write docs/commands.md, docs/settings.md and docs/http.md from the command line's own registry, the settings and routes.

Run `python -m scripts.reference` after a command, a setting or a route has changed; a test compares them with the code.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from loop.cli.messages import BUG, DONE, FAILED, WRONG_USAGE
from loop.cli.tree import CATEGORIES, DATA, MODELS, RUN, TOP, WATCH, load
from loop.settings import Settings
from scripts import http_reference
from scripts.reference_answers import describe_answer

DOCS = Path(__file__).parent.parent / "docs"
GENERATED = "<!-- Written by `python -m scripts.reference`; change the code, not this file. -->"
PLACEHOLDERS = {int: "N", float: "X", str: "TEXT", Path: "PATH", datetime: "DATE"}
BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "multiple_of": "multiple of"}
COMMANDS = """\
Required options stand beside the name of a command; all others follow as a list. Where a command takes
`--project ID`, the id is Label Studio's. `loop COMMAND --help` shows the same at the terminal, and
`loop --install-completion` lets the shell complete commands, options, projects, versions, clusters and parts.

With `--json` a command prints the same for a program, under the names that stand beside the option. Names stay; new
ones may come. A command that changes something has the lines in `done`, in `next` the steps that are left to a person,
and in `of` ids and names.
"""
ABOUT = {
    RUN: "Start the loop, connect projects, let programs in, save and restore.",
    WATCH: "See what happens, what is wrong, and what to do about it.",
    MODELS: "Train, compare, promote and roll back versions.",
    DATA: "Bring labels in, take datasets and verdicts out, trace boxes, catch up with Label Studio.",
    CATEGORIES: "Find new categories, name them, and match detections to the taxonomy.",
}
OTHER_WAYS = """\
## Other ways to start

`scripts/retrain.py` asks for a training of every project with new reviews, for cron. The web part alone is
`gunicorn --config python:backend.gunicorn_options 'backend.app:create_app()'`; it asks for the same logins and tokens,
and the options have the threads and the worker by which slow clients never keep others waiting. Under label-studio-ml's
own server, which has a basic auth of its own and none by default, use `YoloBackend` of `backend/model.py`.

## Output

Tables fit the terminal. In a narrow one, long texts fold, the least important columns are left out and named below, and
in a still narrower one each row becomes a block of lines. Versions, ids and names are never cut. Into a pipe, a table
has one line per row and the width that it needs. A line under a table explains its scores, and lines that begin with
`next:` name the steps that follow. A command that takes more than two seconds shows a bar on stderr, or a line for each
stage where that is no terminal. `NO_COLOR` turns colours off. What libraries print goes to
`LOOP_HOME/logs/libraries.log`.

## Exit codes

Each error is one message on stderr: the file, setting or project concerned, and what to do next. It never contains a
trace or a secret. With `--json`, stdout has it as well, as `error`, with its `kind` and `message`, and `exit_code`.
"""
INTERRUPTED = 130  # what loop.cli.main returns after Ctrl-C
EXIT_CODES = (
    (
        DONE,
        "Done. Input that was left out is named on stderr (`loop verdicts`) or in the report (`loop dataset convert`).",
    ),
    (
        FAILED,
        (
            "Not done, or not completely: an error, a finding of `loop doctor`, a failed operation of "
            "`loop annotations import`, an export that gives no verdict, a training here (`loop retrain --here`) that "
            "failed or was cancelled. Without a message where the program that reads the output went away, as `head` "
            "does."
        ),
    ),
    (WRONG_USAGE, "Wrong usage: an unknown option, a missing argument, a number out of range."),
    (BUG, "A bug. Its trace is in `LOOP_HOME/logs/errors.log`."),
    (INTERRUPTED, "Interrupted by Ctrl-C."),
)
SETTINGS = """\
All settings come from the environment. `loop up` hands them on to the processes that it starts. A value that is not
allowed is refused with the name of its variable.
"""
GROUPS = {
    "Label Studio and the backend": (
        *("label_studio_url", "label_studio_api_key", "basic_auth_user", "basic_auth_pass"),
        *("url", "host", "port", "web_workers", "webhook_secret", "interactive_url"),
    ),
    "Where things are kept and run": (
        *("home", "database_url", "redis_url", "milvus_uri", "store", "default_workers", "device"),
    ),
    "Versions and training": (
        *(
            "model_name",
            "base_weights",
            "train_weights",
            "prompts",
            "export",
            "image_size",
            "epochs",
            "batch",
            "least_steps",
            "freeze",
            "retrain_after",
            "cool_down",
        ),
    ),
    "Datasets": (
        *("held_out_share", "group_field", "twin_bits", "twin_cosine", "background_share", "replay_share"),
        *("tile", "tile_overlap", "train_on_accepted"),
    ),
    "The gate": ("gate_confidence", "gate_class_drop", "gate_latency_ratio", "gate_images", "gate_boxes"),
    "Predictions and the queue": (
        *(
            "score_floor",
            "score_threshold",
            "queue_order",
            "audit_share",
            "known_share",
            "cohort_field",
            "keep_predictions",
            "spread",
        ),
    ),
    "Images": ("image_bytes", "image_pixels", "image_memory", "image_seconds", "allow_private_addresses"),
    "Taxonomy and discovery": ("embedder", "match_seconds", "discover_every"),
    "Notices": ("notify_urls", "notify_secret"),
    "How long things stay": (
        *("event_days", "notice_days", "prediction_days", "run_days", "snapshot_days", "image_days", "keep_weights"),
    ),
}


def commands(command: Any, full: str = "loop") -> Iterator[tuple[str, Any]]:
    """A command with its full name, or those of a group; a group that acts by itself is a command too."""
    if not hasattr(command, "commands"):
        yield full, command
        return
    if command.invoke_without_command:
        yield full, command
    for name, each in command.commands.items():
        yield from commands(each, f"{full} {name}")


def commands_page() -> str:
    """docs/commands.md."""
    texts = [_section(panel, listed) for panel, listed in TOP.items()]
    codes = _table(("code", "meaning"), ((str(code), meaning) for code, meaning in EXIT_CODES))
    return _page("The commands of `loop`", COMMANDS, [*texts, OTHER_WAYS.strip(), codes])


def settings_page() -> str:
    """docs/settings.md. Raises ValueError where a setting is in no group, or in two."""
    grouped = sorted(name for names in GROUPS.values() for name in names)
    if grouped != sorted(Settings.model_fields):
        difference = set(grouped) ^ set(Settings.model_fields)
        raise ValueError(f"GROUPS of {__file__}: expected each setting once, found otherwise: {sorted(difference)}")
    tables = (
        (title, _table(("variable", "default", "allowed", "meaning"), map(_setting, names)))
        for title, names in GROUPS.items()
    )
    return _page("The settings", SETTINGS, [f"## {title}\n\n{table}" for title, table in tables])


def http_page() -> str:
    """docs/http.md."""
    return _page("HTTP", http_reference.INTRODUCTION, http_reference.sections())


def _page(title: str, text: str, sections: Iterable[str]) -> str:
    return "\n\n".join([f"# {title}", GENERATED, text.strip(), *sections]) + "\n"


def _section(panel: str, listed: Iterable[str]) -> str:
    texts = [_command(*pair) for name in listed for pair in commands(load(name), f"loop {name}")]
    return "\n\n".join([f"## {panel}", ABOUT[panel], *texts])


def _command(name: str, command: Any) -> str:
    synopsis = " ".join([name, *(_write_option(parameter) for parameter in command.params if parameter.required)])
    lines = [f"### `{synopsis}`", inspect.cleandoc(command.help or "")]
    listed = [parameter for parameter in command.params if parameter.help or not parameter.required]
    answer = describe_answer(command.callback)
    items = [_item(parameter, answer) for parameter in listed if not _is_project(parameter)]
    return "\n\n".join([*lines, *(["\n".join(items)] if items else [])])


def _item(parameter: Any, answer: str) -> str:
    if parameter.opts == ["--json"] and answer:
        return f"- `--json`: {answer}"
    default = "" if parameter.default in (None, False, "", [], ()) else f" Default: `{parameter.default}`."
    return f"- `{_write_option(parameter)}`: {parameter.help or f'Only this {parameter.name}.'}{default}"


def _is_project(parameter: Any) -> bool:
    return bool(parameter.opts == ["--project"] and parameter.required)


def _write_option(parameter: Any) -> str:
    """A parameter as one types it, such as `--project ID` or `NAME`."""
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
        return f"{name}…" if parameter.nargs == -1 and "..." not in name else name
    if parameter.is_flag:
        return " / ".join([*parameter.opts, *parameter.secondary_opts])
    return f"{parameter.opts[0]} {_placeholder(parameter)}"


def _placeholder(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    if parameter.metavar or parameter.opts == ["--project"]:
        return str(parameter.metavar or "ID")
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    return PLACEHOLDERS[kind]


def _setting(name: str) -> tuple[str, ...]:
    field = Settings.model_fields[name]
    value = str(field.default).lower() if isinstance(field.default, bool) else field.default
    bounds = (
        f"{sign} {getattr(bound, key)}"
        for bound in field.metadata
        for key, sign in BOUNDS.items()
        if hasattr(bound, key)
    )
    default = "" if value in (None, "") else f"`{value}`"
    return f"`{Settings.variables()[name]}`", default, ", ".join(bounds), field.description or ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    (DOCS / "commands.md").write_text(commands_page())
    (DOCS / "settings.md").write_text(settings_page())
    (DOCS / "http.md").write_text(http_page())
