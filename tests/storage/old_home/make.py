"""
Make the home beside this script with the code of commit 89ee608, the last one before rooms by subject.

    git worktree add /tmp/before 89ee608
    cd /tmp/before && PYTHONPATH=. PYTHON tests/storage/old_home/make.py FOLDER

FOLDER gets `records.sql`, `files/` and `expected.json`. The imports below are those of that commit.
"""

import json
import shlex
import shutil
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from loop.adapters.prediction_log import AUDIT, QUEUE
from loop.adapters.registry import Facts
from loop.adapters.set_aside import Step
from loop.adapters.split_list import Seen
from loop.adapters.training_log import Outcome, State
from loop.bootstrap import build
from loop.commands.tree import app
from loop.decisions.alerts import Alert
from loop.decisions.notices import Kind
from loop.use_cases import promote as promoting
from loop.use_cases import shadow
from loop.use_cases.annotate import annotate
from loop.use_cases.categorise import apply
from loop.use_cases.clusters import dismiss, promote
from loop.use_cases.judging import judge_tasks
from loop.use_cases.match import match
from loop.use_cases.reapply import dry_run, reapply
from loop.use_cases.review import review
from loop.use_cases.status import status
from tests.bulk_studio import BulkStudio
from tests.fake_vectors import FakeEmbedders
from tests.judged import BAD, GOOD, judge, write_snapshot
from typer.testing import CliRunner

from loop.settings import Settings
from tests import categories, unknown
from tests.builders import CONFIG, NOON, box, created, ls_region, region, served
from tests.builders import review as review_of
from tests.fakes import FakeDetectors, FakeImages, FakeLabelStudio, FakeQueue

PROJECTS = (1, 2)
COMMANDS = (  # those whose output says nothing of the moment or of the services
    "models list --project 1",
    "models list --project 2",
    "models show 1.0.0 --project 1",
    "models show 1.1.0 --project 1",
    "models report 1.1.0 --project 1 --json",
    "training list --project 1",
    "training list --project 2",
    "policy --project 1",
    "verdicts --project 1",
    "verdicts --project 1 --shadow",
    "rates --project 1 --json",
    "rates --project 1 --shadow --json",
    "rates --project 1 --alerts --json",
    "lineage --project 1 --region 1-0 --json",
    "lineage --project 1 --region 11-0 --json",
    "lineage --project 1 --annotator 1 --json",
    "lineage --project 1 --version 1.0.0 --json",
    "clusters list --project 1",
    "taxonomy show --project 1",
    "taxonomy export --project 1",
    "dataset classes --project 1 --json",
    "deliveries --json --most 4",
    "deliveries --json --failed",
    "events --json",
)


def main(folder: Path) -> None:
    with TemporaryDirectory() as work:
        home = Path(work, "home")
        environment = {"LOOP_HOME": str(home), "LOOP_NOTIFY_URLS": "http://a.example/,http://b.example/"}
        settings = Settings.read({**environment, "LABEL_STUDIO_API_KEY": "k"})
        secrets = {str(project): settings.webhook_secret_of(project) for project in PROJECTS}
        with closing(build(settings, migrate=True)) as parts:
            fill(
                replace(
                    parts,
                    queue=FakeQueue(),
                    label_studio=FakeLabelStudio(),
                    images=FakeImages(),
                    detectors=FakeDetectors(),
                ),
                Path(work),
            )
            expected = {"secrets": secrets, "versions": versions(parts), "projects": projects(parts)}
            expected |= {"clusters": clusters(parts), "matches": matches(parts), "set aside": set_aside(parts)}
        expected["commands"] = {command: run(command, environment) for command in COMMANDS}
        save(home, folder)
        text = json.dumps(expected, indent=1, sort_keys=True, default=str).replace(str(home), "HOME")
        (folder / "expected.json").write_text(text + "\n")


def run(command: str, environment: dict[str, str]) -> str:
    done = CliRunner().invoke(app, shlex.split(command), env={**environment, "COLUMNS": "200"}, catch_exceptions=False)
    assert done.exit_code == 0, (command, done.output)
    return done.stdout


def save(home: Path, folder: Path) -> None:
    with closing(sqlite3.connect(home / "loop.sqlite3")) as records:
        text = "\n".join(records.iterdump()).replace(str(home), "HOME")
    (folder / "records.sql").write_text(text + "\n")
    for page in home.rglob("report.html"):
        page.write_text("<!doctype html><title>a page</title>\n")  # of up to 40 kB, which nothing reads
    shutil.rmtree(folder / "files", ignore_errors=True)
    unwanted = shutil.ignore_patterns("loop.sqlite3*", "milvus", "redis", "base")
    shutil.copytree(home, folder / "files", ignore=unwanted)


def projects(parts) -> list[dict[str, object]]:
    return [
        {
            "id": project.id,
            "title": project.title,
            "champion": project.champion,
            "reviewed": project.reviewed,
            "new reviews": project.new_reviews,
            "training": project.training and [project.training.id, project.training.state.value],
            "rates": [getattr(project.rates, name) for name in ("confirmed", "corrected", "false_positive", "missed")],
            "alert": project.alert,
            "waits": project.waits_for_a_person,
            "pinned": parts.projects.get(project.id).pinned,
            "shadow": parts.projects.get(project.id).shadow,
        }
        for project in status(parts).projects
    ]


def versions(parts) -> dict[str, dict[str, object]]:
    return {
        f"{project} {version.name}": {
            "thresholds": [parts.thresholds_of(version).floor, parts.thresholds_of(version).display],
            "classes": list(version.facts.classes),
            "sha256": version.sha256,
        }
        for project in PROJECTS
        for version in parts.registry.list(project)
    }


def clusters(parts) -> dict[str, list[object]]:
    return {kept.found.id: [kept.state.value, kept.found.size, kept.name, kept.node] for kept in parts.clusters.all(1)}


def matches(parts) -> dict[str, list[object]]:
    space = FakeEmbedders().space("", None)
    return {key: [match.node, match.score] for key, match in sorted(parts.matches.all(1, space).items())}


def set_aside(parts) -> list[list[object]]:
    return [[task.task_id, task.step.value, task.error] for task in parts.set_aside.all(1)]


def fill(parts, folder: Path) -> None:
    parts.projects.save(1, "Cars", CONFIG)
    parts.projects.save(2, "Boats", CONFIG.replace("Car", "Boat"))
    parts.projects.decide(1, {"retrain_after": 7})
    parts.projects.record_sync(1, datetime.now(UTC))
    train(parts, folder)
    parts = unknown.looking(parts)
    apply(parts, 1, categories.TREE, "the first")
    match(parts, 1)
    decide(parts)
    parts.groups.replace(1, {11: 1, 12: 2})
    parts.splits.freeze(1, [Seen(task, None, task, "a") for task in range(1, 5)], share=0.2, twin_bits=4)
    parts.splits.leave_out(1, [1])
    parts.whole_vectors.keep(1, "w", {1: "a"}, np.ones((1, 8), np.float32))
    parts.set_aside.replace(1, Step.JUDGE, [9], {9: "a reason"})
    parts.classes.rename(1, "Person", "Human")
    parts.classes.retire(1, "Human")
    send(parts)
    judge_champion(parts)
    try_shadow(parts)
    write_in_bulk(parts)
    parts.trainings.start(parts.trainings.ask(1, "7 new reviews"))
    parts.trainings.ask(2, "by hand")


def train(parts, folder: Path) -> None:
    """A training of each state, and four versions, of which the second serves and was served before by the first."""
    snapshot = write_snapshot(parts, folder, 12)
    judge(parts, folder, snapshot, BAD, GOOD)
    judge(parts, folder, snapshot, GOOD, BAD)
    judge(parts, folder, snapshot, BAD, GOOD, least_images=1000)
    promoting.pin(parts, 1, "1.1.0", "by hand")
    for state in (State.FAILED, State.CANCELLED, State.PASSED):
        training = parts.trainings.ask(1, "by hand")
        parts.trainings.start(training)
        parts.trainings.settle(training.id, Outcome(state, f"it is {state.value}"))
        parts.trainings.end(training.id, state)
    parts.registry.promote(2, add_to(parts, 2, folder), "by hand")


def add_to(parts, project: int, folder: Path) -> str:
    (folder / "weights.pt").write_bytes(b"boats")
    facts = Facts(classes=("boat",), thresholds={"floor": 0.1, "display": 0.4}, training={"image_size": 320})
    return parts.registry.add(project, folder / "weights.pt", facts).name


def decide(parts) -> None:
    """One cluster is promoted, one dismissed, one open."""
    insects, tools = unknown.planted(parts)
    dismissed, undecided = replace(tools, id="a1", members=tools.members[:4]), replace(tools, id="b2")
    parts.clusters.replace(1, [insects, dismissed, replace(undecided, members=tools.members[4:])], {})
    promote(parts, 1, insects.id, "Insect")
    dismiss(parts, 1, "a1")
    match(parts, 1)
    reapply(parts, 1, dry_run(parts, 1).plan.token)
    parts.projects.save(1, "Cars", parts.label_studio.fields["label_config"])


def send(parts) -> None:
    """An event that is worked on, one that is set aside, one that waits; a notice delivered and one given up."""
    parts.predictions.append([served(region("40-0", score=0.9), task=40)])
    event = created(ls_region("40-0"), annotation=40, task=40)
    parts.events.append(1, event["action"], event)
    broken = {"action": "PROJECT_UPDATED", "project": {"id": 1, "title": "Cars", "label_config": "<View/>"}}
    parts.events.append(1, broken["action"], broken)
    review(parts, 1)
    waiting = created(ls_region("42-0"), annotation=42, task=42)
    parts.events.append(1, waiting["action"], waiting)
    first, second = parts.outbox.last()[:2]
    parts.outbox.record(first, status=200, error=None)
    parts.outbox.record(second, status=500, error="HTTP 500")


def judge_champion(parts) -> None:
    """Verdicts of each kind on the version that serves, of both streams; an alert."""
    for task in range(50, 54):
        places = [box(left, 0.1, left + 0.2, 0.3) for left in (0.1, 0.4, 0.7)]
        regions = [region(f"{task}-{number}", at=place, score=0.9) for number, place in enumerate(places)]
        stream = AUDIT if task % 2 else QUEUE
        shown = served(*regions, task=task, image=f"/{task}.jpg", version="yolo_detector@1.1.0", stream=stream)
        parts.predictions.append([shown])
        moved = replace(regions[1], box=box(0.4, 0.1, 0.62, 0.32), label="Person", score=None)
        drawn = region("new", at=box(0.1, 0.6, 0.4, 0.9))
        left = review_of(replace(regions[0], score=None), moved, drawn, annotation=task, task=task, annotator=task)
        parts.reviews.record(left, {"image": f"/{task}.jpg", "site": "a"})
    judge_tasks(parts, 1, range(50, 54))
    alert = Alert("site a", "missed", "queue", 0.1, 0.5, 50, NOON, NOON, "yolo_detector@1.0.0", "yolo_detector@1.1.0")
    parts.outbox.post(1, Kind.RATES_ALERT, "a", alert.body())


def try_shadow(parts) -> None:
    shadow.begin(parts, 1, "1.3.0", 0.5)
    for task in (1, 2):
        shown = region(f"s{task}", score=0.8, at=unknown.at("car", task))
        prediction = served(shown, task=task, image=f"/{task}.jpg", version="yolo_detector@1.3.0", minutes=-9)
        parts.predictions.append([replace(prediction, is_shadow=True)])
    unknown.reviewed(parts, 1, ("Car", unknown.at("car", 1)), edited=6)
    unknown.reviewed(parts, 2, ("Car", unknown.at("car", 2)), edited=6)


def write_in_bulk(parts) -> None:
    parts = replace(parts, label_studio=BulkStudio(4))
    car = {"label": "Car", "box": [0.1, 0.1, 0.4, 0.4]}
    operation = {"operation": "create", "task": 1, "regions": [car], "key": "k"}
    list(annotate(parts, 1, [("operations[0]", operation)], lambda position, _: f"position-{position}"))


main(Path(sys.argv[1]).absolute())
