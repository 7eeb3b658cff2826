"""Simulated projects whose wrong boxes are known, and what their audit would accept."""

import numpy as np

from loop.rates.accept.bound import choose
from loop.rates.accept.evidence import AuditedImage, SureImage

KINDS = {  # tasks, share of the audit, boxes an image; wrong boxes: at certainty 0, at 1; of images wrong as a whole
    "few boxes": (900, 0.4, 1.5, 0.1, 0.0, 0.5),
    "many boxes": (3000, 0.2, 5.0, 0.1, 0.002, 0.3),
    "wrong as a whole": (900, 0.4, 2.0, 0.05, 0.01, 1.0),
    "no order": (900, 0.4, 2.0, 0.0, 0.045, 0.2),
    "just above the error": (900, 0.5, 1.2, 0.0, 0.055, 0.0),
    "crowds are worse": (2000, 0.3, 4.0, 0.2, 0.0, 1.0),
}


def play(kind, seed, error):
    """Return the share of wrong boxes on the accepted images, None where nothing is accepted."""
    tasks, share, boxes, base, floor, whole = KINDS[kind]
    rng = np.random.default_rng([seed, *kind.encode()])
    predicted = 1 + rng.poisson(rng.gamma(2.0, (boxes - 1.0) / 2.0, tasks))
    certainty = rng.beta(3, 1, tasks)
    chance = base * (1.0 - certainty) ** 2 + floor
    if kind == "crowds are worse":
        chance *= predicted / boxes
    chance = np.clip(chance, 0, 1)
    is_wrong, is_whole = rng.random(tasks) < chance, rng.random(tasks) < whole
    missed = np.where(is_whole, np.where(is_wrong, rng.poisson(1, tasks), 0), rng.poisson(chance * predicted / 3))
    wrong = missed + np.where(is_whole, np.where(is_wrong, predicted, 0), rng.binomial(predicted, chance))
    is_audit = rng.random(tasks) < share
    images = list(
        zip(certainty.tolist(), predicted.tolist(), wrong.tolist(), (predicted + missed).tolist(), strict=True)
    )
    audited = [AuditedImage(*image) for image, audit in zip(images, is_audit, strict=True) if audit]
    rest = [SureImage(*image[:2]) for image, audit in zip(images, is_audit, strict=True) if not audit]
    limit = choose(audited, rest, error)
    if limit is None:
        return None
    accepted = ~is_audit & (certainty >= limit.certainty) & (predicted <= limit.boxes)
    return float(wrong[accepted].sum() / (predicted + missed)[accepted].sum())
