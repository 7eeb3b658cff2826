"""
Ask for a training of every connected project that has new reviews; for a person or a cron job.

`python scripts/retrain.py` uses the settings of the environment, as `loop` does, and takes no arguments: `loop retrain
--project ID` asks for one project.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from contextlib import closing

from loop.cli.messages import DONE, FAILED
from loop.cli.terminal.explanations import explain
from loop.errors import LoopError
from loop.training.ask import ask_training
from loop.wiring import build


def main() -> int:
    """Ask, and say for whom; FAILED where it could not be asked for a project."""
    ArgumentParser(description=__doc__).parse_args()
    code = DONE
    with closing(build(migrate=True)) as rooms:
        for project in rooms.studio.projects.all():
            new = rooms.reviews.store.new_since(project.id, project.reviews_seen_at)
            if not new:
                print(f"project {project.id}: nothing new")
                continue
            try:
                ask_training(rooms.trainings, project.id, "scripts/retrain.py")
            except LoopError as error:
                print(f"project {project.id}: {error}", file=sys.stderr)
                code = FAILED
            else:
                print(f"project {project.id}: training asked for, {new} tasks reviewed since the last one")
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as error:
        message = explain(error)
        if message is None:  # a bug: its trace is what helps
            raise
        sys.exit(f"retrain: {message}")
