"""What boxes cost annotators, by the times that a real Label Studio tells, from its API to the commands."""

import json
from contextlib import closing
from dataclasses import replace

import pytest

from loop.installation.status import status
from loop.label_studio.label_config import parse
from loop.label_studio.result_format import write_result
from loop.rates.post_alerts import watch
from loop.regions import Box, Region
from loop.reviews.sync import sync
from loop.serving.store import LoggedPrediction
from loop.wiring import build
from scripts.demo import project as projects
from tests.builders import NOON
from tests.fakes import FakeQueue
from tests.installation.fakes import Queue
from tests.services import project_of, run_loop, settings_of
from tests.swap import swap

VERSION = "yolo_detector@1.0.0"
COUNT = 40
SECONDS = {"image": 4.0, "left": 0.5, "moved": 3.0, "relabelled": 2.0, "drawn": 8.0, "deleted": 1.0}
PLACES = [Box(0.1 * at, 0.1, 0.1 * at + 0.08, 0.3) for at in range(8)]


@pytest.fixture
def settings(label_studio, tmp_path):
    return settings_of(label_studio, tmp_path / "home")


@pytest.fixture
def rooms(settings):
    with closing(build(settings, migrate=True)) as built:
        yield swap(built, (built.queue, FakeQueue()))


def work_on(number):
    """What the annotator does on a task: the number of boxes by kind of work."""
    return {kind: (number >> at) % 2 * (at % 2 + 1) for at, kind in enumerate(list(SECONDS)[1:])}


def annotate(api, config, task, number):
    """Post a review that lasts as long as its boxes cost; return the boxes that were predicted."""
    work, places = work_on(number), iter(PLACES)
    boxes = {
        kind: [Region(f"{number}-{kind}-{at}", next(places), "item", 0.9) for at in range(count)]
        for kind, count in work.items()
    }
    moved = [replace(box, box=replace(box.box, y1=0.33)) for box in boxes["moved"]]
    other = [replace(box, label="Other") for box in boxes["relabelled"]]
    result = write_result([*boxes["left"], *moved, *other, *boxes["drawn"]], config, (640, 480))
    seconds = SECONDS["image"] + sum(SECONDS[kind] * count for kind, count in work.items())
    sent = {"result": result, "lead_time": seconds}
    api.post(f"/api/tasks/{task}/annotations/", json=sent).raise_for_status()
    return tuple(box for kind, some in boxes.items() if kind != "drawn" for box in some)


def test_the_times_of_a_label_studio_say_what_boxes_cost_and_what_was_saved(api, rooms, settings):
    project_id = projects.create(api, "Seconds", ("item", "Other"))
    images = [{"data": {"image": f"/data/upload/x/{number}.jpg"}} for number in range(COUNT)]
    api.post(f"/api/projects/{project_id}/import", json=images).raise_for_status()
    xml = project_of(api, project_id)["label_config"]
    config = parse(xml)
    rooms.studio.projects.save(project_id, "Seconds", xml)
    for number, task in enumerate(sorted(rooms.studio.client.task_ids(project_id))):
        shown = annotate(api, config, task, number)
        entry = LoggedPrediction(
            *(project_id, task, VERSION, shown, (), 0.25, 0.5, "queue", 0.05, NOON),
            image=images[number]["data"]["image"],
        )
        rooms.serving.predictions.append([entry])

    sync(rooms.reviews, project_id)
    watch(rooms.rates, project_id)

    at = ("--project", str(project_id))
    costs = json.loads(run_loop(settings, "rates", "--seconds", "--json", *at))[VERSION]["costs"]
    assert {kind: cost["value"] for kind, cost in costs["seconds"].items()} == pytest.approx(SECONDS, rel=1e-3)
    assert f"{VERSION}: suggestions saved " in run_loop(settings, "rates", "--seconds", *at)
    (project,) = status(swap(rooms, (rooms.queue, Queue())).installation).projects
    assert project.saved.startswith(f"{VERSION}: suggestions saved {costs['saved']['value']:.1f}")
