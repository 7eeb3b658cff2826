"""Commands on verdicts, and on reviews in bulk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loop.cli.answers.command import Unsuccessful
from loop.cli.messages import show_count, tell
from loop.cli.options import ProjectId, judged_version, open_rooms, optional_project, out, print_json, print_json_text
from loop.errors import PayloadError
from loop.label_studio.exports import FULL
from loop.regions import write_region
from loop.reviews.bulk.file import look_through
from loop.reviews.bulk.operations import digest
from loop.reviews.bulk.run import annotate
from loop.reviews.verdict_query import Stream, VerdictFilter
from loop.reviews.verdicts import Decision, Verdict
from loop.storage.storable import LARGEST_ID
from loop.storage.text_file import naming, read_text
from loop.validation import read

if TYPE_CHECKING:
    from loop.datasets.convert import TaskVerdicts

app = typer.Typer()


LabelConfigFile = Annotated[
    Path | None,
    typer.Option("--label-config", help="A file with the label config of the project; with an export only."),
]


@app.command()
def verdicts(  # noqa: PLR0913, PLR0917 (each is an option)
    export: Annotated[Path | None, typer.Argument(help="Label Studio's JSON export, with predictions.")] = None,
    project: Annotated[
        int | None,
        optional_project("Label Studio's project id, instead of an export."),
    ] = None,
    version: Annotated[str | None, typer.Option(help="The version that was judged.")] = None,
    decision: Annotated[Decision | None, typer.Option(help="The decision of the reviewer.")] = None,
    label: Annotated[str | None, typer.Option(help="The predicted label; the drawn label of a missed object.")] = None,
    predicted_label: Annotated[str | None, typer.Option(help="The predicted label.")] = None,
    reviewed_label: Annotated[str | None, typer.Option(help="The label that the reviewer left.")] = None,
    stream: Annotated[Stream | None, typer.Option(help="The stream that the task was served in.")] = None,
    annotator: Annotated[int | None, typer.Option(min=1, max=LARGEST_ID, help="Label Studio's user id.")] = None,
    actor: Annotated[str | None, typer.Option(help="The actor of a review in bulk.")] = None,
    task: Annotated[int | None, typer.Option(min=1, max=LARGEST_ID, help="Label Studio's task id.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Reviewed at this time or later; UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Reviewed before this time; UTC.")] = None,
    is_shadow: Annotated[bool, typer.Option("--shadow", help="Only verdicts on a shadow.")] = False,
    label_config: LabelConfigFile = None,
) -> None:
    """
    Print one verdict per line, as JSON: of an export, or of a project with provenance.

    An export needs no server. Label Studio's own JSON export names
    predictions by their ids alone; use the answer of its API to
    /api/tasks/?project=ID&fields=all&page_size=1000000 instead. Tasks that
    are left out are named on stderr.
    """
    if (export is None) == (project is None):
        raise PayloadError("verdicts", "either an export or --project", str(export or "neither"))
    if export:
        with naming(label_config):
            _print_of_export(export, read_text(label_config, "a label config in XML") if label_config else None)
        return
    labels = {"label": label, "predicted_label": predicted_label, "reviewed_label": reviewed_label}
    scope = {"project": project, "version": version, "decision": decision, "stream": stream, **labels}
    review = {"annotator": annotator, "actor": actor, "task": task, "since": since, "until": until}
    _print_of_project({**scope, **review, "is_shadow": is_shadow})


def _print_of_project(fields: dict[str, object]) -> None:
    """Print the verdicts that match a VerdictFilter of these fields. Raises PayloadError."""
    query = read(VerdictFilter, fields)
    rooms = open_rooms(query.project)
    if query.version and "@" not in query.version:  # a number alone, as other commands take it
        query = query.model_copy(update={"version": judged_version(rooms, query.project, query.version)})
    count = 0
    for count, record in enumerate(rooms.reviews.verdicts.all(query), start=1):  # noqa: B007 (the number of verdicts)
        print_json_text(record.model_dump_json())
    if not count:
        tell("no verdict matches; `loop rates` counts all verdicts")


def _print_of_export(export: Path, label_config: str | None) -> None:
    """Print the verdicts on an export. Tasks that are left out and the counts go to stderr."""
    from loop.datasets import convert

    judged = left_out = 0
    for task in convert.to_verdicts(export, label_config):
        judged, left_out = judged + (not task.left_out), left_out + bool(task.left_out)
        if task.left_out:
            tell(f"task {task.task_id} is left out: {task.left_out}")
        for verdict in task.verdicts:
            print_json(_verdict_json(task, verdict), indent=None)
    if not judged:
        raise PayloadError(str(export), FULL, convert.explain_nothing(export))
    tell(f"{judged} tasks judged, {left_out} left out")


def _verdict_json(task: TaskVerdicts, verdict: Verdict) -> dict[str, Any]:
    return {
        "task": task.task_id,
        "version": task.version,
        "decision": verdict.decision.value,
        "predicted": write_region(verdict.predicted) if verdict.predicted else None,
        "reviewed": write_region(verdict.reviewed) if verdict.reviewed else None,
    }


MOST_NAMED = 20  # failures printed
annotations_group = typer.Typer(no_args_is_help=True, help="Reviews in bulk.")
app.add_typer(annotations_group, name="annotations")


@annotations_group.command("import")
def import_annotations(
    file: Annotated[
        Path, typer.Argument(help="Operations of the HTTP API: a JSON array, or one JSON object per line.")
    ],
    project: ProjectId,
) -> Iterator[Annotated[dict[str, Any], "loop.reviews.bulk.run:OperationOutcome"]]:
    """
    Create, update and delete reviews.

    A second run repeats only the operations that failed.
    """
    operations = look_through(file)
    outcomes = annotate(
        open_rooms().reviews, project, operations.operations(), lambda _, operation: f"file-{digest(operation)}"
    )
    done = repeated = failed = 0
    for number, outcome in enumerate(show_count(outcomes, "operations", operations.total), start=1):
        done += not outcome.error
        repeated += outcome.is_repeated
        failed += bool(outcome.error)
        if outcome.error and failed <= MOST_NAMED:
            out.print(f"operation {number}: {outcome.error}")
        yield {**asdict(outcome), "success": outcome.error is None}
    unnamed = f" ({failed - MOST_NAMED} not named)" if failed > MOST_NAMED else ""
    out.print(f"{done} done, {repeated} of them before; {failed} failed{unnamed}")
    if failed:
        out.print("next: repair the file and run the command again; it repeats only the operations that failed")
        raise Unsuccessful
