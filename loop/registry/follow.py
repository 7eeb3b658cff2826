"""Makes Label Studio follow the champion: its model_version, and predictions for the open tasks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from loop.errors import UpstreamError
from loop.label_studio.imports.tasks import IMPORTED
from loop.registry.room import RegistryRoom
from loop.registry.store import Version


@dataclass(frozen=True, slots=True)
class FollowResult:
    """Whether the project's model_version needed a change, and a line about it."""

    was_due: bool
    line: str


def ask_refresh(registry: RegistryRoom, project_id: int) -> None:
    """Ask for a job that predicts the open tasks of a project; the sweep asks again where the job is lost."""
    registry.studio.projects.ask_refresh(project_id)
    with suppress(UpstreamError):
        registry.queue.ask_refresh(project_id)


def follows(version: str, champion: Version) -> bool:
    """Whether a project's model_version is right while *champion* serves."""
    is_trained_here = champion.facts.snapshot is not None
    return version == champion.name or (version == IMPORTED and not is_trained_here)


def show_imported(registry: RegistryRoom, project_id: int) -> bool:
    """Let Label Studio show imported predictions, unless a version that was trained here serves; return whether."""
    champion = registry.versions.champion(project_id)
    if champion is not None and not follows(IMPORTED, champion):
        return False
    registry.studio.client.update_project(project_id, version=IMPORTED)
    return True


def follow(registry: RegistryRoom, project_id: int) -> FollowResult:
    """
    Set the project's model_version to the champion: Label Studio orders the queue by the scores of this version.

    Imported predictions stay in its place until a version that was trained here serves. Raises UpstreamError where
    Label Studio does not answer.
    """
    champion = registry.versions.champion(project_id)
    client = registry.studio.client
    if champion is None or follows(client.project(project_id).version, champion):
        return FollowResult(was_due=False, line="model_version unchanged")
    try:
        client.update_project(project_id, version=champion.name)
    except UpstreamError as error:
        if error.status != 400:  # Label Studio accepts only a version of which it stores a prediction
            raise
        return FollowResult(was_due=True, line=f"model_version not set to {champion.name} yet: {error}")
    return FollowResult(was_due=True, line=f"model_version set to {champion.name}")
