"""Options for gunicorn: `gunicorn --config python:backend.gunicorn_options 'backend.app:create_app()'`."""

from typing import Any

from backend.app import ask_sync_all
from backend.gate import PREDICTS, WAITING
from loop.log_lines import set_up_logs

OTHERS = 16  # threads for requests that take no time; none of them is ever held by a prediction

worker_class = "backend.door_worker.DoorWorker"
threads = PREDICTS + WAITING + OTHERS
timeout = 120
graceful_timeout = 4
control_socket_disable = True


def on_starting(_server: object) -> None:
    """Have gunicorn's own process log as its workers do."""
    set_up_logs()


def post_worker_init(worker: Any) -> None:
    """Make up for the events of the time in which this worker, or one before it, did not run."""
    ask_sync_all(worker.wsgi)
