"""`loop queue`, `loop crops` and `loop suspects`, as a person sees them."""

import json
from contextlib import closing

import pytest
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.crops.suspect_store import SuspectList
from loop.crops.suspicion import SuspectBox, SuspectKind
from loop.references.plan import plan
from loop.vision.embedding import Space
from loop.wiring import build
from tests.builders import CONFIG, NOON, region, review, served
from tests.cli.runner import loop


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Project 1 with two open tasks, and with suspects of a last look; without Milvus, Label Studio and weights."""
    for name, value in {"LOOP_HOME": str(tmp_path), "COLUMNS": "240", "LOOP_MILVUS_URI": "http://127.0.0.1:1"}.items():
        monkeypatch.setenv(name, value)
    with closing(build(migrate=True)) as rooms:
        rooms.studio.projects.save(1, "Cars", CONFIG)
        version = rooms.registry.version_name(None)
        for task in (1, 2):
            prediction = served(region(f"p{task}", score=0.3 + task / 10), task=task, version=version)
            rooms.serving.predictions.append([prediction])
        suspects = [SuspectBox(kind, 7, "/a.jpg", region("[bold]r"), 0.75, "Person") for kind in SuspectKind]
        rooms.crops.suspects.replace(1, SuspectList(version, 5, tuple(suspects), NOON))
        yield rooms


def test_the_queue_is_listed_with_reasons(home):
    shown = loop("queue", "--project", "1", "--most", "1")

    assert "its least certain box is Car 0.40" in shown
    assert f"2 open tasks predicted by {home.registry.version_name(None)}" in shown
    told = json.loads(loop("queue", "--project", "1", "--page", "2", "--most", "1", "--json"))
    assert [(task["place"], task["task_id"]) for task in told["tasks"]] == [(2, 2)]


def test_the_last_suspects_are_listed_by_kind_without_another_look(home):
    shown = loop("suspects", "--project", "1", "--last")
    told = json.loads(loop("suspects", "--project", "1", "--last", "--kind", "swapped", "--json"))

    assert "1 swapped, 1 overlooked, 1 misplaced; 5 images compared" in shown
    assert "[bold]r" in shown
    assert [(suspect["kind"], suspect["task_id"], suspect["score"]) for suspect in told["suspects"]] == [
        ("swapped", 7, 0.75)
    ]


def test_suspects_on_tasks_that_were_reviewed_since_the_last_look_are_left_out(home):
    home.reviews.store.record(review(region(), task=7, minutes=60), {"image": "/a.jpg"})

    shown = loop("suspects", "--project", "1", "--last")
    told = json.loads(loop("suspects", "--project", "1", "--last", "--kind", "swapped", "--json"))
    crops = loop("crops", "list", "--project", "1", "--order", "swapped")

    assert "[bold]r" not in shown
    assert "3 more are on tasks reviewed since" in shown
    assert "--view" not in shown
    assert told["suspects"] == []
    assert "reviewed since" in crops


def test_a_look_without_milvus_and_weights_says_what_was_not_looked_at(home):
    shown = loop("suspects", "--project", "1")

    assert "0 swapped, 0 overlooked, 0 misplaced" in shown
    assert "no version serves yet" in shown


def test_crops_are_listed_by_class(home, monkeypatch):
    space = Space("fake", "1" * 64)
    monkeypatch.setattr("loop.vision.embedders.Embedders.space", lambda *_: space)
    plan(home.references, 1, space)

    shown = loop("crops", "list", "--project", "1")

    assert [line.split()[:3] for line in shown.splitlines()[1:3]] == [["2:p2", "Car", "0.50"], ["1:p1", "Car", "0.40"]]
    assert json.loads(loop("crops", "list", "--project", "1", "--json"))["total"] == 2


def test_a_box_that_nobody_reviewed_is_not_relabelled(home):
    done = CliRunner().invoke(app, ["crops", "relabel", "1:p1", "--project", "1", "--label", "Person"])

    assert done.exit_code == 1
    assert "0 boxes are Person now; 1 tasks failed: task 1" in done.output
