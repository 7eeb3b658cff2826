"""Makes weights whose classes are the labels of a project, and the facts that are recorded with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.errors import WeightsRefused
from loop.label_studio.classes import FIT_ADVICE
from loop.label_studio.label_config import LabelConfig
from loop.registry.detectors import Detectors
from loop.registry.store import Version
from loop.storage.files import sha256_of
from loop.vision.start.prompted_weights import PromptedWeights
from loop.vision.start.prompts import LabelPrompt, as_json, list_prompts

Vectors = Mapping[str, NDArray[np.float32]]


def prompt_weights(
    detectors: Detectors, base: Path, config: LabelConfig, out: Path, known: Vectors | None = None
) -> dict[str, Any]:
    """
    Write weights to *out* whose classes are the labels of a config; return the facts to record with them.

    *known* are vectors of texts of an earlier version. Only for other texts is the text encoder loaded. Raises
    WeightsRefused and PayloadError.
    """
    weights = PromptedWeights(base)
    prompts = read_prompts_of(detectors, config)

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        return detectors.start.encoder(weights.encoder).encode(texts)

    weights.write(prompts, known or {}, encode, out)
    return {"from": base.name, "prompts": as_json(prompts), "encoder": weights.encoder, "base": sha256_of(base)}


def read_prompts_of(detectors: Detectors, config: LabelConfig) -> tuple[LabelPrompt, ...]:
    """Return the classes that the labels of a config make, with their texts. Raises PayloadError."""
    return list_prompts(config.labels, detectors.start.mapping())


def prompts_of(version: Version | None) -> Mapping[str, Sequence[str]] | None:
    """Return the texts of each class of a version; None for a version that was not prompted."""
    prompts = version.facts.training.get("prompts") if version else None
    return prompts if isinstance(prompts, Mapping) else None


def advise_fit(version: Version | None, project_id: int) -> str:
    """Return what to do about labels that no class of a version is; a prompted one makes a class of a text."""
    if prompts_of(version) is None:
        return FIT_ADVICE
    way = f"`loop connect --project {project_id}` makes them classes, and says which file is missing if it cannot"
    return f"{way}; the first training learns them from reviews"


def check_base(version: Version, base: Path) -> None:
    """Raise WeightsRefused where a version was made of other start weights than *base*."""
    if sha256_of(base) != version.facts.training.get("base"):
        kind = f"not the file that {version.name} was made of, {version.facts.training.get('from')}"
        advice = "set it back, or review tasks with the new labels: the next training learns them"
        raise WeightsRefused(f"LOOP_BASE_WEIGHTS {base}", kind, advice)
