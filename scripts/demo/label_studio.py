"""A real Label Studio as a child process, on a free port of 127.0.0.1, with one user and a legacy token."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

VERSION = "1.23.2"
CACHE = Path(os.environ.get("LOOP_CACHE") or Path.home() / ".cache" / "label-studio-yolo-loop")
ENVIRONMENT = CACHE / f"label-studio-{VERSION}"
MIGRATED = CACHE / f"label-studio-{VERSION}-migrated"
EMAIL = "demo@example.com"
QUIET = {
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    "COLLECT_ANALYTICS": "false",
    "LATEST_VERSION_CHECK": "false",
    # The loop runs on this machine, so Label Studio must be allowed to call it.
    "ML_BLOCK_LOCAL_IP": "false",
    "SSRF_PROTECTION_ENABLED": "false",
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
}


@dataclass(frozen=True, slots=True)
class StudioServer:
    """How to reach a running Label Studio."""

    url: str
    token: str
    email: str
    password: str
    pid: int


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path, *, environment: dict[str, str] | None = None) -> Iterator[StudioServer]:
    """Start a Label Studio whose data lives in *folder*; stop it at the end."""
    start_from_migrated(folder)
    process, studio = start(folder, environment=environment)
    try:
        yield studio
    finally:
        stop(process)


def start(
    folder: Path, *, environment: dict[str, str] | None = None, again: StudioServer | None = None
) -> tuple[subprocess.Popen[bytes], StudioServer]:
    """Start the server and wait until it answers; *again* is one that has stopped, whose address and user stay."""
    port = int(again.url.rpartition(":")[2]) if again else free_port()
    token = again.token if again else secrets.token_hex(20)
    password = again.password if again else secrets.token_hex(8)  # none that begins with a dash
    command = [
        *(str(ENVIRONMENT / "bin" / "python"), str(ENVIRONMENT / "bin" / "label-studio"), "start", "--no-browser"),
        *("--internal-host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder)),
        *("--username", EMAIL, "--password", password, "--user-token", token, "--enable-legacy-api-token"),
    ]
    with (folder / "label-studio.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **QUIET, **(environment or {})},
        )
    studio = StudioServer(f"http://127.0.0.1:{port}", token, EMAIL, password, process.pid)
    try:
        _wait(process, studio, folder)
    except BaseException:
        stop(process)
        raise
    return process, studio


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the server, by force after ten seconds."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def start_from_migrated(folder: Path) -> None:
    """Copy a database with all migrations applied into *folder*; migrating, once per version, takes a minute."""
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "label_studio.sqlite3"
    if database.exists():
        return
    if not (MIGRATED / database.name).exists():
        _migrate()
    shutil.copy(MIGRATED / database.name, database)


def _migrate() -> None:
    scratch = MIGRATED.with_name(f"{MIGRATED.name}.{os.getpid()}")
    scratch.mkdir(parents=True)
    (manage,) = ENVIRONMENT.glob("lib/python*/site-packages/label_studio/manage.py")
    subprocess.run(
        [str(ENVIRONMENT / "bin" / "python"), str(manage), "migrate"],
        check=True,
        capture_output=True,
        env={**os.environ, **QUIET, "LABEL_STUDIO_BASE_DATA_DIR": str(scratch)},
    )
    if MIGRATED.exists():  # another process was faster
        shutil.rmtree(scratch)
    else:
        scratch.rename(MIGRATED)


def _wait(process: subprocess.Popen[bytes], studio: StudioServer, folder: Path, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            tail = (folder / "label-studio.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"Label Studio stopped with {process.returncode}:\n{tail}")
        try:
            headers = {"Authorization": f"Token {studio.token}"}
            if httpx.get(f"{studio.url}/api/projects", headers=headers, timeout=2).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    raise TimeoutError(f"Label Studio did not answer at {studio.url} within {seconds:.0f} s")
