"""Take weights in from elsewhere as a version, and give a version out, as archives."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from loop.adapters import archive, weights_file
from loop.adapters.archive import Unpacked
from loop.adapters.project_list import Project
from loop.adapters.registry import Facts, Version
from loop.decisions.manifest import Manifest
from loop.errors import ArchiveRefused, VersionExists
from loop.parts import Parts

NAME, NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"), re.compile(r"\d{1,6}\.\d{1,6}\.\d{1,6}")


def add(
    parts: Parts,
    project_id: int,
    file: Path,
    *,
    name: str | None = None,
    number: str | None = None,
    sha256: str | None = None,
) -> tuple[Version, str]:
    """
    Register the weights of an archive as a version, which is a candidate and does not serve.

    *name* is the part before the @, *number* the part after it, *sha256* what the archive is expected to be. Returns
    the version and a line on which of its classes the label config has. Everything is checked before anything is
    loaded, and what is refused leaves nothing behind. Raises ArchiveRefused, VersionExists, UnknownProject.
    """
    project = parts.projects.get(project_id)
    name = _checked(NAME, name or parts.registry.model_name, "--name: expected letters, digits, - _ .")
    if number is not None:
        full = f"{name}@{_checked(NUMBER, number, '--version: expected a number such as 1.2.0')}"
        if any(version.name == full for version in parts.registry.list(project_id)):
            raise VersionExists(full)
    with tempfile.TemporaryDirectory(prefix="loop-add-") as scratch:
        found = archive.read(file, Path(scratch), sha256=sha256)
        said = found.manifest or Manifest()
        if said.weights_sha256 and weights_file.sha256_of(found.weights) != said.weights_sha256:
            raise ArchiveRefused("the weights are not those that manifest.json names by their SHA-256")
        image_size = said.image_size or parts.policies.training.image_size
        classes = parts.detectors.probe(found.weights, weights_file.check(found.weights), image_size)
        if said.classes and said.classes != classes:
            raise ArchiveRefused(f"the weights name {_list(classes)}, but manifest.json {_list(said.classes)}")
        line = _fit(project, classes)
        facts = _facts(parts, file, found, said, classes, image_size)
        version = parts.registry.add(project_id, found.weights, facts, number=number, model_name=name)
    return version, line


def export(parts: Parts, project_id: int, name: str, out: Path) -> str:
    """Write a version as an archive that `add` reads; return its SHA-256. Raises UnknownVersion, DamagedWeights."""
    version = parts.registry.get(project_id, name)
    version.verify()
    thresholds = asdict(parts.thresholds_of(version))
    source = {"version": version.name, "snapshot": version.facts.snapshot, "parent": version.facts.parent}
    if not out.parent.is_dir():
        raise ArchiveRefused(f"--out: there is no folder {out.parent}")
    manifest = Manifest(version.facts.classes, version.image_size, thresholds, version.sha256, source)
    return archive.write(version.weights, manifest, out)


def _fit(project: Project, classes: Sequence[str]) -> str:
    """Which classes have a label. Raises ArchiveRefused where none has."""
    config = project.config()
    fitting = config.label_map(classes)
    if not fitting:
        labels = _list(config.label_names)
        raise ArchiveRefused(f"none of the weights' classes ({_list(classes)}) is a label of the project ({labels})")
    without = [one for one in classes if one not in fitting]
    line = f"{len(fitting)} of {len(classes)} classes have a label: {_list(list(fitting))}"
    return f"{line}; without one, and so never shown: {_list(without)}" if without else line


def _facts(
    parts: Parts, file: Path, found: Unpacked, said: Manifest, classes: tuple[str, ...], image_size: int
) -> Facts:
    source = {"from": file.name, "archive": found.sha256, "source": dict(said.source), "image_size": image_size}
    return Facts(classes=classes, thresholds=asdict(parts.policies.thresholds) | dict(said.thresholds), training=source)


def _checked(pattern: re.Pattern[str], text: str, expected: str) -> str:
    if not pattern.fullmatch(text):
        raise ArchiveRefused(f"{expected}, found {text!r:.80}")
    return text


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown or "nothing"
