"""Makes a version predict beside the champion for a share of the tasks: logged and judged, shown only on request."""

from __future__ import annotations

from collections.abc import Sequence

from loop.errors import DetectorBroken, RegistryError
from loop.label_studio.projects import Project
from loop.label_studio.tasks import StoredTask
from loop.serving.room import ServingRoom
from loop.serving.shadow_share import is_in_share
from loop.serving.store import LoggedPrediction
from loop.serving.store_predictions import Batches
from loop.vision.addresses import identify


def begin(serving: ServingRoom, project_id: int, name: str, share: float, *, is_shown: bool = False) -> str:
    """Make a version the shadow for a share of the tasks; return its name. Raises RegistryError."""
    serving.studio.projects.get(project_id)
    version = serving.registry.versions.get(project_id, name)
    champion = serving.registry.versions.champion(project_id)
    if champion and champion.name == version.name:
        raise RegistryError(f"{version.name} serves: a shadow is another version")
    if not 0.0 < share <= 1.0:
        raise RegistryError(f"--share: expected more than 0 and at most 1, found {share}")
    serving.registry.load(version)
    serving.studio.projects.set_shadow(project_id, version.name, share, is_shown=is_shown)
    serving.studio.projects.ask_refresh(project_id)
    return version.name


def end(serving: ServingRoom, project_id: int) -> None:
    """Stop the shadow; its predictions and verdicts stay in the records."""
    serving.studio.projects.get(project_id)
    serving.studio.projects.set_shadow(project_id, None, 0.0, is_shown=False)


def covers(project: Project, champion: str, task: StoredTask) -> bool:
    """Whether the project's shadow is to predict a task beside *champion*."""
    if project.shadow is None or project.shadow == champion:
        return False
    is_missing = not task.has(project.shadow) if project.is_shadow_shown else True
    return is_missing and is_in_share(project.id, task.id, project.shadow_share)


def predict_by_shadow(serving: ServingRoom, project: Project, tasks: Sequence[StoredTask], execution: str) -> list[str]:
    """
    Predict the tasks that the shadow has not predicted yet; return a line with their number, if any.

    A shadow that cannot be loaded, or breaks, is reported in the line; the champion goes on. Raises UpstreamError.
    """
    name = project.shadow
    if name is None or not tasks:
        return []
    ids = [] if project.is_shadow_shown else [task.id for task in tasks]
    known = serving.predictions.newest(project.id, ids, is_shadow=True)
    image_key = project.config().image_key
    waiting = [task for task in tasks if not _is_prediction_of(known.get(task.id), name, task.data.get(image_key))]
    if not waiting:
        return []
    is_shown = project.is_shadow_shown
    try:
        served = serving.registry.load(serving.registry.versions.get(project.id, name))
        batches = Batches(serving, project, served, execution, is_shadow=True, is_shown=is_shown)
        done = sum(counts.done for counts in batches.run(waiting))
    except (RegistryError, DetectorBroken) as error:
        return [f"shadow {name} answers nothing: {error}"]
    return [f"shadow {name}: {done} of {len(waiting)} tasks predicted"]


def _is_prediction_of(known: LoggedPrediction | None, version: str, image: object) -> bool:
    return known is not None and (known.version, known.image) == (version, identify(str(image).strip()))
