"""
Run the steps of the Dockerfile without Docker, in a bare Debian, and then its command and its health check.

    python -m scripts.image FOLDER

It needs root, `mmdebstrap` (a Debian package) and 15 GB in FOLDER, and takes some minutes. Debian's own Python 3.11
takes the place of the base image's; pip installs from files that were downloaded before, and checks each by its hash.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from scripts.dockerfile import Step, read_steps, split_stages
from scripts.setup import run

ROOT = Path(__file__).resolve().parent.parent
BASE_PACKAGES = "python3.11-venv,ca-certificates"
WHEELS = "/wheels"  # inside
BARE = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": WHEELS, "PIP_NO_CACHE_DIR": "1"}
HEALTHY_SECONDS, STOP_SECONDS = 180, 30


@dataclass(frozen=True)
class Stage:
    """A stage of the build so far: its file system and the state that instructions change."""

    root: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(BARE))
    folder: str = "/"
    user: str = "0:0"
    command: tuple[str, ...] = ()
    health: tuple[str, ...] = ()


class Build:
    """Runs the instructions that the last stage of a Dockerfile needs."""

    def __init__(self, folder: Path, arguments: Mapping[str, str]) -> None:
        self._folder, self._arguments = folder, dict(arguments)
        self._stages: dict[str, Stage] = {}

    def run(self, text: str) -> Stage:
        """Build all stages but those of other variants, and return the last one."""
        stages = list(split_stages(read_steps(text)))
        for argument in stages.pop(0):
            self._take_argument(argument.text)
        needed = self._needed(stages)
        for number, steps in enumerate(stages):
            source, name = self._names(steps[0], number)
            if name in needed:
                stage = self._start(source, name)
                for step in steps[1:]:
                    stage = self._do(step, stage)
                self._stages[name] = stage
        return stage

    def _names(self, start: Step, number: int) -> tuple[str, str]:
        words = self._fill(start.text).split()
        return words[0], words[2] if len(words) == 3 else str(number)

    def _needed(self, stages: list[list[Step]]) -> set[str]:
        sources = {}
        for number, steps in enumerate(stages):
            source, name = self._names(steps[0], number)
            sources[name] = {source, *re.findall(r"--from=(\S+)", " ".join(step.text for step in steps))}
        needed, names = set(), [str(len(stages) - 1)]
        while names:
            name = names.pop()
            needed.add(name)
            names += sources.get(name, set()) - needed
        return needed

    def _start(self, source: str, name: str) -> Stage:
        root = self._folder / name
        if before := self._stages.get(source):
            run("cp", "-al", before.root, root)  # hard links: nothing changes a file in place
            return replace(before, root=root)
        (suite,) = re.fullmatch(r"python:3\.11-slim-(\w+)", source).groups()  # type: ignore[union-attr]
        run("mmdebstrap", "--mode=root", "--variant=minbase", f"--include={BASE_PACKAGES}", suite, root, *_lists())
        (root / "usr/local/bin/python").symlink_to("/usr/bin/python3.11")
        return Stage(root)

    def _do(self, step: Step, stage: Stage) -> Stage:
        print(f"image: {step.word} {step.text[:100]}", flush=True)
        match step.word:
            case "ARG":
                self._take_argument(step.text)
            case "ENV":
                pairs = dict(part.split("=", 1) for part in shlex.split(step.text))
                new = {name: value.replace("$PATH", stage.environment["PATH"]) for name, value in pairs.items()}
                return replace(stage, environment={**stage.environment, **new})
            case "RUN":
                command = re.sub(r"^(--\S+\s+)+", "", step.text)
                self._run(stage, command)
            case "COPY":
                self._copy(step.text, stage)
            case "WORKDIR":
                (stage.root / step.text.lstrip("/")).mkdir(parents=True, exist_ok=True)
                return replace(stage, folder=step.text)
            case "USER":
                user = next(line.split(":") for line in _users(stage) if line.split(":")[2] == step.text.split(":")[0])
                return replace(stage, user=step.text, environment={**stage.environment, "HOME": user[5]})
            case "CMD":
                return replace(stage, command=tuple(step.as_list()))
            case "HEALTHCHECK":
                return replace(stage, health=tuple(Step("CMD", step.text.split("CMD ", 1)[1]).as_list()))
            case "VOLUME" | "EXPOSE" | "STOPSIGNAL":
                pass
            case other:
                raise ValueError(f"{other}: this script does not know the instruction")
        return stage

    def _run(self, stage: Stage, command: str) -> None:
        """Run a command of the shell; pip finds the files that were downloaded before, and asks no index."""
        (stage.root / WHEELS.lstrip("/")).mkdir(exist_ok=True)
        wheels, inside = (shlex.quote(str(path)) for path in (self._folder / "wheels", f"{stage.root}{WHEELS}"))
        builder = replace(stage, environment={**stage.environment, **self._arguments, **OFFLINE})
        run(*_contain(builder, ["/bin/sh", "-c", command], f"mount --bind {wheels} {inside}"))

    def _copy(self, text: str, stage: Stage) -> None:
        words = text.split()
        source = ROOT
        if words[0].startswith("--from="):
            source = self._stages[words.pop(0).removeprefix("--from=")].root
        *names, target = words
        for name in names:
            path = source / name.lstrip("/")
            inside = stage.root / str(Path(stage.folder, target)).lstrip("/")
            if source != ROOT:
                inside.parent.mkdir(parents=True, exist_ok=True)
                run("cp", "-al", path, inside)
            elif path.is_dir():
                shutil.copytree(path, inside, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
            else:
                shutil.copy2(path, inside / path.name if target.endswith("/") else inside)

    def _take_argument(self, text: str) -> None:
        name, _, value = text.partition("=")
        self._arguments.setdefault(name, value)

    def _fill(self, text: str) -> str:
        return re.sub(r"\$\{(\w+)\}", lambda found: self._arguments[found[1]], text)


def _users(stage: Stage) -> list[str]:
    return (stage.root / "etc/passwd").read_text().splitlines()


def _inside(stage: Stage, command: Sequence[str]) -> str:
    """Return what a shell runs to start *command* in the file system of a stage."""
    variables = [f"{name}={value}" for name, value in stage.environment.items()]
    inside = ["/bin/sh", "-c", f"cd {shlex.quote(stage.folder)} && exec {shlex.join(command)}"]
    return shlex.join(["chroot", f"--userspec={stage.user}", str(stage.root), "env", "-i", *variables, *inside])


def _contain(stage: Stage, command: Sequence[str], before: str = "true", *options: str) -> list[str]:
    """Return the command that runs *command* with mounts and processes of its own, which end with it."""
    root = shlex.quote(str(stage.root))
    mounts = f"mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev && {before}"
    namespaces = ("--mount", "--pid", "--fork", "--kill-child", *options)
    return ["unshare", *namespaces, "/bin/sh", "-c", f"{mounts} && exec {_inside(stage, command)}"]


def start_and_check(stage: Stage) -> dict[str, float]:
    """
    Start the image's command in a network of its own, wait until its health check passes, and stop it.

    Returns the seconds that both took.
    """
    started = time.monotonic()
    process = subprocess.Popen(_contain(stage, stage.command, "ip link set lo up", "--net"))
    check = f"exec {_inside(stage, stage.health)}"
    try:
        time.sleep(1)
        (first,) = psutil.Process(process.pid).children()  # process 1 of the container
        enter = ("nsenter", f"--target={first.pid}", "--mount", "--pid", "--net", "/bin/sh", "-c", check)
        while subprocess.run(enter, capture_output=True, check=False).returncode:
            if process.poll() is not None or time.monotonic() - started > HEALTHY_SECONDS:
                sys.exit(f"image: not healthy after {time.monotonic() - started:.0f} s")
            time.sleep(1)
        healthy = time.monotonic()
        first.terminate()
        process.wait(STOP_SECONDS)
        return {"healthy after": round(healthy - started, 1), "stopped after": round(time.monotonic() - healthy, 1)}
    finally:
        process.kill()  # and so all in its container


def _lists() -> list[str]:
    """Return where this machine's Debian packages come from."""
    modern = Path("/etc/apt/sources.list.d/debian.sources")
    return [str(modern)] if modern.exists() else ["/etc/apt/sources.list"]


def main(folder: Path) -> None:
    """Build the CUDA variant in *folder*, start it, and print what it took."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = re.sub(r" ; python_full_version < '3\.11\.\d+'", "", (ROOT / "requirements.lock").read_text())
    (folder / "lock.txt").write_text(lock)  # Debian's Python may be an older 3.11 than this one
    download = (sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--dest", folder / "wheels")
    run(*download, "--requirement", folder / "lock.txt")
    stage = Build(folder, {"VARIANT": "cuda"}).run((ROOT / "Dockerfile").read_text())
    home = stage.root / stage.environment["LOOP_HOME"].lstrip("/")
    facts = {
        "gigabytes": round(sum(path.lstat().st_size for path in stage.root.rglob("*")) / 1e9, 1),
        "weights": [str(path.relative_to(stage.root)) for path in stage.root.rglob("*.pt") if path.is_file()],
        "user": stage.user,
        "mode of LOOP_HOME": oct(home.stat().st_mode & 0o777),
        **start_and_check(stage),
    }
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    if os.geteuid() or not shutil.which("mmdebstrap"):
        sys.exit("image: this needs root and mmdebstrap (apt-get install mmdebstrap)")
    main(Path(sys.argv[1]).absolute())
