"""The services of the demo: its own Label Studio and `loop up`, and waiting for them."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from loop.label_studio.client import LabelStudio
from loop.settings import Settings
from scripts.demo import scenes
from scripts.demo.label_studio import free_port, running

PATIENCE = 900.0  # seconds that a training or a refresh may take without a step


def loop_settings(options: argparse.Namespace, out: Path, url: str, token: str) -> Settings:
    """Return the settings that a user would choose for small images on two cores, but for LOOP_EXPORT."""
    return Settings.read(
        {
            "LOOP_HOME": str(out / "loop"),
            "LABEL_STUDIO_URL": url,
            "LABEL_STUDIO_API_KEY": token,
            "LOOP_PORT": str(free_port()),
            "LOOP_BASE_WEIGHTS": str(scenes.WARM_START),
            "LOOP_IMAGE_SIZE": str(options.image_size),
            "LOOP_EPOCHS": str(options.epochs),
            "LOOP_BATCH": "8",
            "LOOP_EXPORT": "fp32",  # in 8 bits the figures would differ between processors
            "LOOP_RETRAIN_AFTER": str(options.round_size),
        }
    )


@contextmanager
def label_studio(options: argparse.Namespace, out: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the address of the Label Studio, a token, and the login for a person."""
    if options.url:
        yield options.url.rstrip("/"), options.token or "", ""
        return
    with running(out / "label-studio") as own:
        yield own.url, own.token, f"user {own.email}   password {own.password}"


@contextmanager
def loop_up(settings: Settings, out: Path) -> Iterator[None]:
    """Run `loop up` in a process beside this program."""
    with (out / "loop-up.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "loop.cli.main", "up"],
            env={**os.environ, **settings.environment(), "PYTHONUNBUFFERED": "1"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until(lambda: b"ready" in (out / "loop-up.log").read_bytes() or process.poll() is not None, "no loop")
        if process.poll() is not None:
            sys.exit(f"demo: `loop up` stopped:\n{(out / 'loop-up.log').read_text()[-2000:]}")
        yield
    finally:
        process.terminate()
        process.wait(60)


class CommandFailed(SystemExit):
    """A command of the loop failed; it ends the demo with the command's message."""


def loop(settings: Settings, *arguments: str) -> str:
    """Run a command of the loop; return its output. Raises CommandFailed."""
    command = [sys.executable, "-m", "loop.cli.main", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **settings.environment()}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CommandFailed(f"demo: loop {' '.join(arguments)}: {done.stderr[-2000:]}")
    return done.stdout


def wait_until(
    is_done: Callable[[], bool],
    otherwise: str,
    step: Callable[[], object] = lambda: None,
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """
    Wait until *is_done* returns True; stop the demo with the message *otherwise* after PATIENCE seconds without a step.

    A step is a new value of *step*, such as the epoch of a training: on a busy machine a training takes long, and ends.
    """
    last, deadline = step(), now() + PATIENCE
    while not is_done():
        if (current := step()) != last:
            last, deadline = current, now() + PATIENCE
        if now() > deadline:
            sys.exit(f"demo: {otherwise} after {PATIENCE:.0f} s without a step")
        sleep(0.5)


class TokenAuth(httpx.Auth):
    """Authorizes requests with a legacy token or a personal access token, refreshed where needed."""

    def __init__(self, url: str, token: str) -> None:
        self._studio = LabelStudio(url, token)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the current header."""
        request.headers["Authorization"] = self._studio.authorization()
        yield request
