"""Gives labels that were added to a project a class of the prompted version that serves it."""

from __future__ import annotations

import logging
from dataclasses import replace

from loop.installation.prompting.prompt_weights import check_base, prompt_weights, prompts_of, read_prompts_of
from loop.installation.room import InstallationRoom
from loop.registry.export import export_once
from loop.registry.promote import promote_unless_pinned
from loop.registry.store import FIRST, Version
from loop.storage.files import scratch_folder
from loop.vision.start.prompted_weights import read_prompts
from loop.vision.start.prompts import as_json

log = logging.getLogger(__name__)


def follow_labels(installation: InstallationRoom, project_id: int) -> str:
    """
    Let a version serve whose classes are the labels of today, where a prompted version serves.

    Returns a line, empty where every label has a class already, or learns from reviews.
    Only texts that are new are encoded. A trained version learns new labels from reviews: nothing is done for it.
    Raises WeightsRefused where the text encoder or the start weights are missing, and PayloadError.
    """
    registry, studio = installation.registry, installation.studio
    champion = registry.versions.champion(project_id)
    asked = prompts_of(champion)
    if champion is None or asked is None:
        return ""
    config = studio.projects.get(project_id).config()
    wanted = as_json(read_prompts_of(registry.detectors, config))
    new = [name for name, texts in wanted.items() if list(asked.get(name, ())) != texts]
    if not new:
        return ""
    versions = registry.versions.list(project_id)
    version = next((version for version in versions if prompts_of(version) == wanted), None)
    version = version or _add(installation, project_id, champion)
    why = f"labels with a new prompt: {', '.join(new[:5])}{f' and {len(new) - 5} more' if len(new) > 5 else ''}"
    pinned = promote_unless_pinned(registry, project_id, version.name, why)
    return f"{version.name} has {why}{f'; it does not serve: {pinned}' if pinned else ''}"


def _add(installation: InstallationRoom, project_id: int, champion: Version) -> Version:
    registry = installation.registry
    config = installation.studio.projects.get(project_id).config()
    base = registry.detectors.start.first()
    check_base(champion, base)
    known = read_prompts(registry.versions.bring(champion))
    with scratch_folder(registry.versions.files.folder(project_id)) as scratch:
        file = scratch / "prompted.pt"
        facts = prompt_weights(registry.detectors, base, config, file, known)
        detector = registry.detectors.load(file, champion.framing)
        training = {**champion.facts.training, **facts}
        own = replace(champion.facts, classes=detector.class_names, parent=champion.name, training=training)
        names = [version.name for version in registry.versions.list(project_id)]
        version = registry.versions.add(project_id, file, own, number=_next_number(names))
    log.info("project %d: exporting %s for this machine", project_id, version.name)
    export_once(registry, version)
    return version


def _next_number(names: list[str]) -> str:
    """Return the number after the last version that was not trained: 0.0.1 after 0.0.0."""
    major_minor, _, _ = FIRST.rpartition(".")
    patches = [name.rpartition(".")[2] for name in names if name.rpartition("@")[2].startswith(f"{major_minor}.")]
    return f"{major_minor}.{max((int(patch) for patch in patches if patch.isdigit()), default=0) + 1}"
