"""What `loop status` says."""

import io
import re
from dataclasses import replace
from pathlib import Path

from loop.cli.options import Door
from loop.cli.screen import show_status
from loop.installation.status import Status, status
from loop.job_queue.progress import JobProgress
from loop.rates.rates import Rates
from loop.training.store import Phase
from tests.builders import CONFIG
from tests.installation.fakes import Queue
from tests.swap import swap

README = Path(__file__).parents[2] / "README.md"


class Silent:
    """A part that does not answer."""

    url = ""

    def answers(self):
        return False


def test_it_says_how_far_a_job_has_come(rooms):
    queue = Queue()
    queue.note_progress("refresh-1", JobProgress(200, 100, 12.5))

    parts = (rooms.studio.client, Silent()), (rooms.studio.backend, Silent()), (rooms.queue, queue)
    report = status(swap(rooms, *parts).installation)

    assert report.parts["job refresh-1"] == "200 done, 100 left, 12.5 images a second, 8 s left"


def test_it_says_how_long_the_first_job_of_a_queue_has_waited(rooms):
    queue = Queue()
    queue.lengths, queue.waits = lambda: {"gpu": 0, "default": 3}, lambda: {"default": 42.4}

    parts = (rooms.studio.client, Silent()), (rooms.studio.backend, Silent()), (rooms.queue, queue)
    report = status(swap(rooms, *parts).installation)

    assert report.parts["queue gpu"] == "1 worker, 0 jobs waiting"
    assert report.parts["queue default"] == "2 workers, 3 jobs waiting, the first for 42 s"


def test_the_excerpt_of_the_readme_is_of_what_it_says(rooms):
    (excerpt,) = re.findall(r"```\n(web  .*?)```", README.read_text(), re.DOTALL)
    rooms.studio.projects.save(1, "Demo of the loop", CONFIG)
    training = rooms.trainings.store.start(rooms.trainings.store.ask(1, "by hand"))
    progress = {"epoch": 16, "epochs": 20, "map50_95": 0.225, "seconds_left": 47.0}
    rooms.trainings.store.reach(training.id, Phase.TRAINING, **progress)
    parts = (rooms.studio.client, Silent()), (rooms.studio.backend, Silent()), (rooms.queue, Queue())
    report = status(swap(rooms, *parts).installation)
    rates, champion = Rates(confirmed=30, corrected=25), "yolo_detector@1.0.0"
    project = replace(report.projects[0], reviewed=160, new_reviews=80, champion=champion, rates=rates, standings=())
    report.parts["web"] = "http://127.0.0.1:40465 answers"
    named = {name: report.parts[name] for name in report.parts if f"\n{name} " in f"\n{excerpt}"}
    door = Door(file=io.StringIO(), width=120, color_system=None, soft_wrap=True)

    show_status(door, Status(named, [project], []))

    assert [line.rstrip() for line in door.file.getvalue().splitlines()] == excerpt.splitlines()
