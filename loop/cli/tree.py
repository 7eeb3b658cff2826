"""Every command of `loop`; the file of a command is imported when the command runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command, get_group

from loop.printable import as_line

RUN, WATCH, MODELS, DATA, CATEGORIES = "Run the loop", "Watch it", "Models", "Data", "Categories"
TOP = {  # by what a person wants to do: commands, each with its file in loop/cli/ and the first line of its help
    RUN: {
        "up": ("running", "Start all services on this machine: Redis, Milvus, workers, schedule, web."),
        "connect": (
            "projects",
            "Connect a Label Studio project, and print the changes, and what happens next and when.",
        ),
        "policy": (
            "projects",
            "Show when reviews start a training and how it cuts images, or override the settings for it.",
        ),
        "tune": ("tune", "Measure how this machine detects fastest, and record the choice for it."),
        "tokens": ("tokens", "Tokens with which programs call the backend."),
        "backup": ("running", "Write all that cannot be made again to one file: records, weights, reports, keys."),
        "restore": ("running", "Restore a backup into an empty LOOP_HOME."),
        "adopt": (
            "running",
            "Record that the files of the installation are in this LOOP_HOME, after the old folder was lost or moved.",
        ),
        "worker": ("running", "Run one RQ worker."),
        "schedule": (
            "running",
            "Run the schedule of sweeps, syncs, discoveries and tidying.",
        ),
    },
    WATCH: {
        "status": ("running", "Show services, projects, champions, queues and the last events."),
        "doctor": (
            "running",
            "Check the installation and print findings with advice.",
        ),
        "queue": ("look.boxes", "List the next tasks in the order in which Label Studio serves them, and why."),
        "jobs": ("watch.jobs", "Jobs that run, wait or failed, with their progress."),
        "logs": ("watch.logs", "Show the logs of the parts of `loop up`, oldest line first."),
        "dashboard": (
            "tokens",
            "Print a link that signs a browser in to the dashboard, once, within ten minutes, for twelve hours.",
        ),
        "rates": ("rates", "Show the rate of each verdict with its 95% interval, and advice."),
        "audit": (
            "lineage",
            "Show who changed versions, taxonomies, label configs, policies, classes or tokens, when and why.",
        ),
        "events": ("events", "Events of Label Studio that could not be processed, with the reasons."),
        "deliveries": ("events", "Notices to the receivers in LOOP_NOTIFY_URLS."),
    },
    MODELS: {
        "retrain": ("projects", "Request a training on all reviewed tasks."),
        "training": ("projects", "Trainings of a project's detector."),
        "models": ("models", "Versions of a project's detector."),
    },
    DATA: {
        "import": (
            "data.imports",
            "Import labels that exist elsewhere: a dataset in the format of YOLO, COCO or Pascal VOC.",
        ),
        "dataset": ("datasets", "YOLO datasets."),
        "annotations": ("reviews", "Reviews in bulk."),
        "accept": ("data.accept", "Accept the open tasks that are sure, with a bound on their wrong boxes."),
        "crops": ("look.boxes", "Boxes of a project as the dashboard shows them."),
        "suspects": ("look.boxes", "Look for reviewed boxes that may be wrong, and list them."),
        "disagreements": (
            "look.disagreements",
            "List the tasks on which annotators disagree, those with the least agreement first.",
        ),
        "verdicts": (
            "reviews",
            "Print one verdict per line, as JSON: of an export, or of a project with provenance.",
        ),
        "lineage": (
            "lineage",
            "Trace a region to its predictions, reviews, verdicts and trainings; or trace an annotator or a version.",
        ),
        "sync": (
            "projects",
            "Catch up on missed events by comparing with Label Studio.",
        ),
        "rebuild": (
            "projects",
            "Delete the recorded reviews of a project, and read all reviews from Label Studio again.",
        ),
    },
    CATEGORIES: {
        "taxonomy": ("taxonomy", "The taxonomy: a tree of categories, and the detections matched to it."),
        "discover": ("clusters", "Cluster the unknown, and show the clusters."),
        "clusters": ("clusters", "Clusters of the unknown."),
        "references": ("references", "Vectors of confirmed boxes (references) and of detections."),
    },
}
FILE_OF = {name: file for listed in TOP.values() for name, (file, _) in listed.items()}


class _Loop(TyperGroup):
    """Knows the names and first lines of all commands, and imports only the file of the command that is run."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = {
            name: TyperCommand(name, help=line, rich_help_panel=panel)
            for panel, listed in TOP.items()
            for name, (_, line) in listed.items()
        }

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Read the options of `loop` itself."""
        with _clean_errors():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with _clean_errors():
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that the arguments name."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and load(str(name)), rest


@contextmanager
def _clean_errors() -> Iterator[None]:
    """Clean what Typer prints itself about arguments: a shell may have put the name of any file into them."""
    try:
        yield
    except TyperException as error:
        for name in {"message", "ui_filename"} & vars(error).keys():
            setattr(error, name, as_line(str(getattr(error, name))))
        raise


app = typer.Typer(cls=_Loop, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def loop() -> None:
    """Label Studio, YOLO, and a loop that learns."""


def load(name: str) -> Any:
    """Import a command, or a group of commands, of `loop`."""
    from loop.cli.answers.command import equip

    return equip(get_group(import_module(f"loop.cli.{FILE_OF[name]}").app).commands[name], f"loop {name}")


def load_all() -> Any:
    """Return `loop` with every command imported."""
    whole: Any = get_command(app)
    whole.commands = {name: load(name) for name in FILE_OF}
    return whole
