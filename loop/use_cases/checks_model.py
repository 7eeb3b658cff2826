"""The doctor's checks of the version that serves a project; Label Studio is not asked."""

from __future__ import annotations

from loop.adapters.project_list import Project
from loop.decisions.findings import Finding, ok, warning, wrong
from loop.errors import RegistryError
from loop.parts import Parts

MOST_NAMED = 8


def weights(parts: Parts, project: Project) -> list[Finding]:
    """Whether the champion's weights are the ones that were registered."""
    champion = parts.registry.champion(project.id)
    if champion is None:
        return [
            warning(
                "weights", "no version serves yet", "review tasks until the first training, or set LOOP_BASE_WEIGHTS"
            )
        ]
    try:
        champion.verify()
    except RegistryError as error:
        return [wrong("weights", str(error), "`loop models rollback`, or bring the file back from a backup")]
    return [ok("weights", f"{champion.name}, SHA-256 {champion.sha256[:12]}…")]


def labels(parts: Parts, project: Project) -> list[Finding]:
    """Which labels no class of the model is mapped to, and which classes have no label."""
    champion = parts.registry.champion(project.id)
    names = champion.facts.classes if champion else ()
    if champion is None or not names:
        return [ok("labels", "nothing predicts yet, or its classes are not known")]
    config = project.config()
    mapped = config.knowing(parts.classes.book(project.id).synonyms()).label_map(names)
    unpredicted = [label for label in config.label_names if label not in set(mapped.values())]
    dropped = [name for name in names if name not in mapped]
    found = f"{len(config.label_names) - len(unpredicted)} of {len(config.label_names)} labels are predicted"
    findings = []
    if unpredicted:
        advice = "they are learned from reviews; or map a class to them with predicted_values in the label config"
        findings.append(warning("labels", f"no class for the labels {_some(unpredicted)}", advice))
    if dropped and champion.facts.snapshot:  # trained here, on labels of this project
        advice = "what it finds of them is not shown: was a label renamed or removed?"
        findings.append(warning("labels", f"no label for the classes {_some(dropped)}", advice))
    elif dropped:
        found += f"; {len(dropped)} classes of weights that were not trained here have no label"
    return findings or [ok("labels", found)]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


MODEL = (weights, labels)
