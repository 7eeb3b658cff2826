"""Options for gunicorn: `gunicorn --config python:backend.gunicorn_options 'backend.app:create_app()'`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.app import catch_up
from backend.gate import CLICKS, PICTURES, PICTURES_WAITING, PREDICTS, SERVICES, SERVICES_WAITING, SIGN_INS, WAITING
from backend.metrics import open_files
from loop.log_lines import LimitedWarnings, set_up_logs

if TYPE_CHECKING:
    from backend.door_worker import DoorWorker
    from loop.serving.predictor import Predictor

HELD = (  # threads for requests that may take long
    *(PREDICTS, WAITING, CLICKS, WAITING, PICTURES, PICTURES_WAITING, SERVICES, SERVICES_WAITING, SIGN_INS, SIGN_INS),
)
OTHERS = 16  # threads for requests that take no time; none of those above ever holds one of these

worker_class = "backend.door_worker.DoorWorker"
threads = sum(HELD) + OTHERS
worker_connections = 500  # in a process; above it, idle ones are closed
timeout = 120
graceful_timeout = 4
control_socket_disable = True


def on_starting(_server: object) -> None:
    """Have gunicorn's own process log as its workers do."""
    set_up_logs()


def post_worker_init(worker: DoorWorker) -> None:
    """
    Have a new process load its detectors before it accepts requests, and each new champion after it.

    It also catches up on the events of the time in which no process ran.
    """
    worker.log.error_log.addFilter(LimitedWarnings())
    open_files()
    app = worker.app.wsgi()
    catch_up(app)
    predictor: Predictor = app.extensions["predictor"]
    worker.is_ready = predictor.is_warm
    predictor.follow()
