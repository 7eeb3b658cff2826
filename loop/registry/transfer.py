"""Imports weights from elsewhere as a version, and exports a version as an archive."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from loop.errors import ArchiveRefused, VersionExists, WeightsRefused
from loop.label_studio.classes import fit_classes, join_names
from loop.label_studio.projects import Project
from loop.registry import archive
from loop.registry.archive import UnpackedWeights
from loop.registry.manifest import Manifest
from loop.registry.probe import ProbedWeights
from loop.registry.room import RegistryRoom
from loop.registry.store import FIRST, Version, VersionFacts
from loop.registry.weights_check import check_weights
from loop.setting_text import MODEL_NAME
from loop.storage.files import scratch_folder, sha256_of
from loop.storage.storable import fit
from loop.vision.elsewhere.convert import RuntimeFormat
from loop.vision.elsewhere.convert import convert as convert_weights
from loop.vision.weights_kind import check_kind

HOW_TO = """The classes by their numbers, from 0: classes.txt. With ultralytics (pip install ultralytics):

    yolo predict task=detect model={file} imgsz={size} conf={threshold} source=image.jpg

    from ultralytics import YOLO
    for box in YOLO("{file}", task="detect")("image.jpg", imgsz={size}, conf={threshold})[0].boxes:
        print(int(box.cls), float(box.conf), box.xyxy[0].tolist())

With another runtime: the input is one image or more, RGB from 0 to 1, as floats of the shape (images, 3, height,
width), scaled to {size} pixels of the longer side and filled up with grey (114) to multiples of 32. The output has for
each box its place in pixels of that input, and the confidence of each class, before boxes that overlap are left out.
On a processor with bfloat16, OpenVINO computes in it, unless its INFERENCE_PRECISION_HINT is f32.
"""
IN_TILES = """
This version looks at tiles. Cut an image into tiles of {side} x {side} of its pixels, of which neighbours share at
least {overlap}; a side of the image that is no longer than that is not cut. Call it for each tile as above, move the
boxes to the place of the tile, and of those that show one object keep one. On a whole image it finds less.
"""
NUMBER = re.compile(rf"(?!{re.escape(FIRST)}$)\d{{1,6}}\.\d{{1,6}}\.\d{{1,6}}")
NAMED = "--name: expected letters, digits, - _ . other than imported"
NUMBERED = f"--version: expected a number such as 1.2.0, and not {FIRST}, that of the start weights"


def add(
    registry: RegistryRoom,
    project_id: int,
    file: Path,
    *,
    name: str | None = None,
    number: str | None = None,
    sha256: str | None = None,
) -> tuple[Version, str]:
    """
    Register weights, a `.pt` or an archive with one, as a candidate version, which does not serve.

    *name* is the part of the version before the @, *number* the part after it, *sha256* the expected hash of the file.
    Returns the version and a line about its classes that the label config has. Everything is checked before the weights
    are loaded, and refused weights leave nothing behind. Raises ArchiveRefused, WeightsRefused, VersionExists,
    UnknownProject.
    """
    project = registry.studio.projects.get(project_id)
    name = _check(MODEL_NAME, name or registry.versions.model_name, NAMED)
    if number is not None:
        full = f"{name}@{_check(NUMBER, number, NUMBERED)}"
        if any(version.name == full for version in registry.versions.list(project_id)):
            raise VersionExists(full)
    with tempfile.TemporaryDirectory(prefix="loop-add-") as scratch:
        unpacked = archive.read(file, Path(scratch), sha256=sha256)
        manifest = unpacked.manifest or Manifest()
        checked = sha256_of(unpacked.weights)
        if manifest.weights_sha256 not in (None, checked):
            raise ArchiveRefused("the weights are not those that manifest.json names by their SHA-256")
        probed = _probe(registry, unpacked, manifest.image_size)
        if manifest.classes and manifest.classes != probed.classes:
            named, listed = join_names(probed.classes), join_names(manifest.classes)
            raise ArchiveRefused(f"the weights name {named}, but manifest.json {listed}")
        line = _describe_fit(project, probed.classes)
        facts = _make_facts(registry, file, unpacked, manifest, probed)
        version = registry.versions.add(
            project_id, unpacked.weights, facts, number=number, model_name=name, sha256=checked
        )
    return version, line


def export(registry: RegistryRoom, project_id: int, name: str, out: Path) -> str:
    """Write a version as an archive that `add` reads; return its SHA-256. Raises UnknownVersion, DamagedWeights."""
    version = registry.versions.get(project_id, name)
    registry.versions.verify(version)
    thresholds = asdict(registry.thresholds_of(version))
    source = {"version": version.name, "snapshot": version.facts.snapshot, "parent": version.facts.parent}
    if not out.parent.is_dir():
        raise ArchiveRefused(f"--out: there is no folder {out.parent}")
    framing = version.framing
    manifest = Manifest(version.facts.classes, framing.image_size, thresholds, version.sha256, source, framing.tiling)
    return archive.write(version.weights, manifest, out)


def convert(registry: RegistryRoom, project_id: int, name: str, kind: RuntimeFormat, out: Path) -> Path:
    """
    Write a version as a file of another runtime into the folder *out*, with its classes and how to call it.

    *out* must be new or empty. Return the file. Raises UnknownVersion, DamagedWeights, WeightsRefused, ArchiveRefused.
    """
    version = registry.versions.get(project_id, name)
    registry.versions.verify(version)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ArchiveRefused(f"--out: expected a folder that is new or empty, found {out}")
    file_name, thresholds = version.name.replace("@", "-"), registry.thresholds_of(version)
    tiling = version.framing.tiling
    with scratch_folder(out.absolute().parent) as scratch:
        converted = convert_weights(version.weights, kind, scratch, file_name, version.image_size)
        facts = {
            "version": version.name,
            "sha256_of_trained_weights": version.sha256,
            "file": converted.path.name,
            "classes": list(converted.classes),
            "image_size": converted.image_size,
            "threshold": thresholds.display,
            "tiling": tiling.as_json() if tiling else None,
        }
        (scratch / "version.json").write_text(json.dumps(facts, indent=2) + "\n")
        (scratch / "classes.txt").write_text("".join(f"{label}\n" for label in converted.classes))
        how_to = HOW_TO.format(file=converted.path.name, size=converted.image_size, threshold=thresholds.display)
        how_to += IN_TILES.format(**tiling.as_json()) if tiling else ""
        (scratch / "HOW_TO.txt").write_text(how_to)
        scratch.rename(out.absolute())
    return out / converted.path.name


def _probe(registry: RegistryRoom, unpacked: UnpackedWeights, image_size: int | None) -> ProbedWeights:
    """Check weights, then load them and detect once. Raises ArchiveRefused, WeightsRefused."""
    try:
        check_kind(unpacked.weights, unpacked.name)
        return registry.detectors.probe(unpacked.weights, check_weights(unpacked.weights), image_size)
    except WeightsRefused as error:
        raise WeightsRefused(unpacked.name, error.kind, error.advice) from error


def _describe_fit(project: Project, classes: Sequence[str]) -> str:
    """Return a line about the classes that have a label. Raises ArchiveRefused where none has."""
    config = project.config()
    fit = fit_classes(config, classes)
    if fit.is_empty:
        names, labels = join_names(classes), join_names(config.label_names)
        raise ArchiveRefused(
            f"none of the weights' classes ({names}) is a label of the project ({labels}): "
            "say in the label config which class a label is, with predicted_values, and run `loop connect` again"
        )
    line = f"{len(fit.label_of)} of {len(classes)} classes have a label: {join_names(list(fit.label_of))}"
    return f"{line}; without one, and so never shown: {join_names(fit.classes)}" if fit.classes else line


def _make_facts(
    registry: RegistryRoom, file: Path, unpacked: UnpackedWeights, manifest: Manifest, probed: ProbedWeights
) -> VersionFacts:
    source = {
        "from": file.name,
        "archive": unpacked.sha256,
        "source": dict(manifest.source),
        "image_size": probed.image_size,
        **({"tiling": manifest.tiling.as_json()} if manifest.tiling else {}),
    }
    thresholds = asdict(registry.thresholds) | dict(manifest.thresholds)
    return VersionFacts(classes=tuple(map(fit, probed.classes)), thresholds=thresholds, training=source)


def _check(pattern: re.Pattern[str], text: str, expected: str) -> str:
    if not pattern.fullmatch(text):
        raise ArchiveRefused(f"{expected}, found {text!r:.80}")
    return text
