"""
Run the commands of docs/quickstart.md on a real Label Studio, and write their output into the page.

    python -m scripts.quickstart
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from scripts.demo import project, scenes
from scripts.demo.label_studio import free_port, running

PAGE = Path(__file__).resolve().parent.parent / "docs" / "quickstart.md"
BLOCK = re.compile(r"^```console\n\$ (?P<command>loop [^\n]+)\n(?P<output>.*?)^```", re.MULTILINE | re.DOTALL)
IMAGES = 12
READY_SECONDS = 120


def fill(page: str, environment: dict[str, str], names: dict[str, str]) -> str:
    """Run each command of a page in its order, and return the page with the outputs of today; *names* replace texts."""
    loop = str(Path(sys.executable).parent / "loop")

    def run(block: re.Match[str]) -> str:
        _settle(loop, environment)
        command = [loop, *block["command"].split()[1:]]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise RuntimeError(f"{block['command']}: {ended.stdout}{ended.stderr}")
        printed = ended.stdout  # progress goes to stderr
        for text, name in names.items():
            printed = printed.replace(text, name)
        lines = "\n".join(line.rstrip() for line in printed.strip().splitlines())
        return f"```console\n$ {block['command']}\n{lines}\n```"

    return BLOCK.sub(run, page)


def _settle(loop: str, environment: dict[str, str]) -> None:
    """Wait until no part starts and no job predicts, so that the outputs do not depend on the moment."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        status = subprocess.run([loop, "status"], env=environment, capture_output=True, text=True, check=False).stdout
        if not any(word in status for word in ("is starting", "under way")):
            return
        time.sleep(1)


def play(page: str) -> str:
    """Start Label Studio with a project of a dozen images, and `loop up`; run the commands of the page there."""
    with tempfile.TemporaryDirectory() as scratch, running(Path(scratch, "studio")) as studio:
        with httpx.Client(
            base_url=studio.url, headers={"Authorization": f"Token {studio.token}"}, timeout=60
        ) as client:
            number = project.create(client, "Things", ["item", "Insect"])
            known, _ = scenes.palettes()
            project.upload(client, number, scenes.compose(known, IMAGES, seed=1, prefix="q"), lambda _: None)
        home, port = str(Path(scratch, "home")), str(free_port())
        environment = {
            **os.environ,
            "LABEL_STUDIO_URL": studio.url,
            "LABEL_STUDIO_API_KEY": studio.token,
            "LOOP_HOME": home,
            "COLUMNS": "110",
            "LOOP_PORT": port,
            "LOOP_BASE_WEIGHTS": str(scenes.WARM_START),
            "NO_COLOR": "1",
        }
        names = {studio.url: "http://localhost:8080", f":{port}": ":9090", home: "~/.label-studio-yolo-loop"}
        names |= {str(scenes.WARM_START): "yolo11n.pt", scenes.WARM_START.name: "yolo11n.pt"}
        with _up(environment, Path(scratch, "up.log")) as process:
            try:
                return fill(page, environment, names)
            finally:
                process.terminate()


def _up(environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        command = [str(Path(sys.executable).parent / "loop"), "up"]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    deadline = time.monotonic() + READY_SECONDS
    while "ready" not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            process.terminate()
            sys.exit(f"quickstart: `loop up` does not get ready:\n{log.read_text()}")
        time.sleep(0.5)
    return process


if __name__ == "__main__":
    PAGE.write_text(play(PAGE.read_text()))
