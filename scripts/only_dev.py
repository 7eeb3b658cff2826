"""Write deploy/only-dev.txt: the packages of the lock that no part of the program needs, so that the image has none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "deploy" / "only-dev.txt"
OURS, EXTRAS = "label-studio-yolo-loop", ("postgres", "s3", "int8", "label-studio-ml")


def only_dev() -> str:
    """Return the names, a line for each, as this environment has them; label-studio-ml's `attr` is overridden."""
    installed = {_normal(package.metadata["Name"]) for package in metadata.distributions()}
    lock = (ROOT / "requirements.lock").read_text()
    names = [_normal(name) for name in re.findall(r"^([\w.-]+)", lock, re.MULTILINE)]
    needed = _reach(OURS, EXTRAS)
    return "".join(f"{name}\n" for name in names if name in installed and name not in needed)


def _reach(name: str, extras: Iterable[str]) -> set[str]:
    """Return the names of all packages that a package needs, with extras, at any distance."""
    waiting, seen = [(_normal(name), frozenset(extras))], set()
    while waiting:
        package = waiting.pop()
        if package in seen:
            continue
        seen.add(package)
        try:
            texts = metadata.requires(package[0]) or []
        except metadata.PackageNotFoundError:  # overridden in the lock
            continue
        for requirement in map(Requirement, texts):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *package[1]}):
                waiting.append((_normal(requirement.name), frozenset(requirement.extras)))
    return {name for name, _ in seen}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    FILE.write_text(only_dev())
