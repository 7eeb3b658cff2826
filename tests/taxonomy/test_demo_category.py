"""The last table of the demo: what it counts of a category that got its name from a cluster."""

import io
import json
import re
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console

from loop.taxonomy import manage
from loop.taxonomy.match import match_detections
from loop.taxonomy.taxonomy import Node, Taxonomy
from scripts.demo import services
from scripts.demo.new_category import CategoryOutcome, CategoryRun, count_matches, match_again, table
from scripts.demo.scenes import Scene
from scripts.demo.services import CommandFailed
from tests.builders import box, region, served
from tests.references.builders import LEFT, RIGHT
from tests.taxonomy.builders import matching, with_references

ELSEWHERE = box(0.6, 0.6, 0.9, 0.9)


class Client:
    """A Label Studio whose task 2 shows the scene `b`."""

    def get(self, path, params):
        body = {"tasks": [{"id": 2, "data": {"image": "/data/upload/1/0a1b2c3d-b.jpg"}}]}
        return SimpleNamespace(raise_for_status=lambda: SimpleNamespace(json=lambda: body))


def test_insects_are_counted_as_matched_and_as_shown_and_other_boxes_with_that_label_as_false(rooms):
    rooms = matching(rooms)
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, Taxonomy((Node("insect", labels=("Person",)),)), "test")
    match_detections(rooms.taxonomies, 1)
    scene = Scene("b", None, (("Insect", RIGHT), ("Insect", ELSEWHERE), ("Bird", LEFT)))
    run = CategoryRun(None, rooms, Client(), 1, {"b": scene})

    before = count_matches(run, [scene])
    shown = [replace(region(f"s{at}", "Insect"), box=place) for at, place in enumerate((RIGHT, LEFT))]
    rooms.serving.predictions.append([served(*shown, task=2, image="/data/upload/1/b.jpg", minutes=1)])
    after = count_matches(run, [scene])

    assert (before.objects, before.detected, before.right, before.shown, before.false) == (2, 1, 1, 0, 0)
    assert (after.objects, after.detected, after.right, after.shown, after.false) == (2, 1, 1, 1, 1)
    out = Console(width=150, file=io.StringIO())
    out.print(table(CategoryOutcome(3, 1, 4, {"before": before, "after": after})))
    title, columns, *_, last = [re.split(" {2,}", line.strip()) for line in out.file.getvalue().splitlines()]
    assert title == ["Insects, which had no label: 1 of 3 clusters show them (4 boxes) and got that name"]
    assert columns[-2:] == ["shown as Insect", "others shown"]
    assert last == ["after", "2", "1", "1 (100%)", "0", "1 (100%)", "1"]


@pytest.mark.parametrize(("stale", "is_given_up"), [(0, False), (2, False), (3, True)])
def test_a_plan_that_a_job_made_stale_is_made_again(stale, is_given_up, monkeypatch):
    """The loop of the demo refuses the first *stale* plans."""
    tokens, applied = [], []

    def loop(_, *arguments):
        if "--dry-run" in arguments:
            tokens.append(f"plan {len(tokens) + 1}")
            return json.dumps({"token": tokens[-1]})
        if len(tokens) <= stale:
            raise CommandFailed("plan again")
        applied.extend(argument for argument in arguments if argument in tokens)
        return ""

    monkeypatch.setattr(services, "loop", loop)
    with pytest.raises(CommandFailed) if is_given_up else nullcontext():
        match_again(CategoryRun(None, None, None, 1, {}))

    assert applied == ([] if is_given_up else [f"plan {stale + 1}"])
