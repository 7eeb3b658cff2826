"""Machines of one installation: their settings, their parts as processes, and what these have done."""

import os
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from functools import partial

import httpx

from loop.errors import UpstreamError
from loop.installation.machine import SOFTWARE
from loop.settings import Settings
from loop.wiring import build
from scripts.demo.label_studio import free_port
from tests.services import project_of, until

CLI = "loop.cli.main"
WEB = ("gunicorn", "--config", "python:backend.gunicorn_options", "backend.app:create_app()")


def start(settings, name, *command):
    """Start a part of a machine as a process of its own; return it, and its log."""
    log = settings.home.parent / f"{settings.home.name}-{name}.log"
    with log.open("ab") as output:
        environment = {**os.environ, **settings.environment(), "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen([sys.executable, "-m", *command], env=environment, stdout=output, stderr=output)
    return process, log


@contextmanager
def running(settings, name, *command):
    """A part of a machine that runs to the end of the `with` block; its log."""
    process, log = start(settings, name, *command)
    try:
        yield log
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def web(settings):
    """A web part that answers."""
    with running(settings, "web", *WEB, "--bind", f"127.0.0.1:{settings.port}") as log:
        auth = (settings.basic_auth_user, settings.basic_auth_pass)
        with httpx.Client(base_url=settings.local_url, auth=auth, timeout=60) as client:
            until(partial(answers, client), 120)
            yield client
        assert "Traceback" not in log.read_text()


def answers(client):
    try:
        return client.get("/health").is_success
    except httpx.TransportError:
        return False


def elsewhere(settings, home, **more):
    """The settings of another machine of the same installation: its own folder and port, the same address for all."""
    own = {"LOOP_HOME": str(home), "LOOP_PORT": str(free_port()), "LOOP_URL": settings.backend_url, **more}
    return Settings.read({**settings.environment(), **own})


def has_led(settings):
    """Whether the schedule has recorded what the other machines need to have."""
    with closing(build(settings)) as rooms, suppress(UpstreamError):
        return rooms.installation.machine.facts.get(SOFTWARE)


def version_of(client, api, project_id):
    body = {"project": f"{project_id}.1", "schema": project_of(api, project_id)["label_config"]}
    return client.post("/setup", json=body).raise_for_status().json()["model_version"]
