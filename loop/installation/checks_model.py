"""Checks of the version that serves a project, without Label Studio."""

from __future__ import annotations

from loop.errors import LoopError, MissingWeights, RegistryError, StoreDown
from loop.installation.findings import Finding, ok, warning, wrong
from loop.installation.outlook.read_standings import describe_blindness, fit_champion
from loop.installation.prompting.prompt_weights import advise_fit
from loop.installation.room import InstallationRoom
from loop.label_studio.classes import join_names
from loop.label_studio.projects import Project
from loop.references.feature import describe_feature
from loop.registry.loaded_version import EXPORTED, LoadedVersion
from loop.registry.store import Version

ENOUGH = 10  # predicted tasks, on some of which a version that works shows a box


def weights(installation: InstallationRoom, project: Project) -> list[Finding]:
    """Check that the champion's weights are the registered file."""
    champion = installation.registry.versions.champion(project.id)
    if champion is None:
        advice = (
            f"run `loop connect --project {project.id}`, which tries LOOP_BASE_WEIGHTS again; trainings need it too"
        )
        return [warning("weights", "no version serves yet", advice)]
    try:
        installation.registry.versions.verify(champion)
    except MissingWeights as error:
        advice = "the error names the file; if it is lost for ever, run `loop models rollback`"
        return [wrong("weights", str(error), advice)]
    except (RegistryError, StoreDown) as error:
        return [wrong("weights", str(error), "run `loop models rollback`, or restore the file from a backup")]
    return [ok("weights", f"{champion.name}, SHA-256 {champion.sha256[:12]}…")]


def detector(installation: InstallationRoom, project: Project) -> list[Finding]:
    """Check that the champion, or the base weights, can detect on this machine."""
    champion = installation.registry.versions.champion(project.id)
    advice = "check LOOP_DEVICE and `loop models list`; `loop models rollback` goes back to the previous version"
    try:
        installation.registry.detectors.check_device()
        served = installation.registry.load(champion)
    except LoopError as error:
        return [wrong("detector", f"nothing is predicted: {error}", advice if champion else "set LOOP_BASE_WEIGHTS")]
    if served.detector is None:
        return [ok("detector", "no weights yet")]
    return [_describe_runtime(installation, champion, served)]


def _describe_runtime(installation: InstallationRoom, champion: Version | None, served: LoadedVersion) -> Finding:
    """Describe the runtime of the detector, and why it is not the one of the export."""
    summary = f"{served.version} detects by {served.runtime}"
    export = installation.registry.exports.of(champion) if champion else None
    if export is None or not installation.registry.detectors.serves_exports:
        return ok("detector", summary)
    if served.runtime == export.runtime:
        figures = export.measured.get("int8") or {}
        is_refused = served.runtime == EXPORTED and "reason" in figures
        return ok("detector", f"{summary}, not in 8 bits: {figures['reason']}" if is_refused else summary)
    if export.file is None:
        return ok("detector", f"{summary}: its export for {export.runtime} was refused: {export.reason}")
    advice = f"restore {export.file} from a backup; until then predictions need more time and memory"
    return warning("detector", f"{summary}, because its export is missing, damaged or does not run here", advice)


def labels(installation: InstallationRoom, project: Project) -> list[Finding]:
    """List labels without a class of the model, and classes without a label."""
    champion = installation.registry.versions.champion(project.id)
    fit = fit_champion(project, champion)
    if champion is None or fit is None:
        return [ok("labels", "nothing predicts yet, or its classes are not known")]
    advice = advise_fit(champion, project.id)
    if blind := describe_blindness(installation, project, champion):
        return [warning("labels", blind, advice)]
    count = len(set(project.config().label_names))
    summary = f"{count - len(fit.labels)} of {count} labels are predicted"
    findings = []
    if fit.labels:
        findings.append(warning("labels", f"no class for the labels {join_names(fit.labels)}", advice))
    if fit.classes and champion.facts.snapshot:  # trained on labels of this project
        advice = "detections of these classes are not shown: check whether a label was renamed or removed"
        findings.append(warning("labels", f"no label for the classes {join_names(fit.classes)}", advice))
    elif fit.classes:
        summary += f"; {len(fit.classes)} classes of weights that were not trained here have no label"
    return findings or [ok("labels", summary)]


def boxes(installation: InstallationRoom, project: Project) -> list[Finding]:
    """Check that a champion that knows a label shows a box somewhere."""
    champion, log = installation.registry.versions.champion(project.id), installation.serving.predictions
    fit = fit_champion(project, champion)
    if champion is None or fit is None or fit.is_empty or log.shows_a_box(project.id, champion.name):
        return []
    count = log.served_by(project.id, champion.name).tasks
    advice = (
        "lower model_score_threshold in the label config; or set LOOP_IMAGE_SIZE to the size that its weights were "
        "trained at, delete the predictions in the Data Manager, and run "
        f"`loop connect --project {project.id}`; reviews help anyway"
    )
    summary = f"{champion.name} shows no box on any of {count} tasks"
    return [warning("boxes", summary, advice)] if count >= ENOUGH else []


def features(installation: InstallationRoom, project: Project) -> list[Finding]:
    """Say which kind of features the vectors are, and what they can tell."""
    feature = describe_feature(installation.references, project.id, installation.registry.versions.champion(project.id))
    return [
        ok("features", f"{feature.uri} by the embedder {feature.embedder}, {installation.vision.embedders.describe()}")
    ]


MODEL = (weights, labels, boxes, features)
LOADED = (detector,)  # these load weights into memory
