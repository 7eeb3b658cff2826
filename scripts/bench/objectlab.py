"""
Score boxes by cleanlab's ObjectLab, in an environment of its own: reads JSON from stdin, writes JSON to stdout.

`scripts/bench/suspects.py` starts it. It needs `pip install cleanlab` and nothing of ours.
"""

import json
import sys
from importlib import import_module
from typing import Any

import numpy as np


def main() -> None:
    """Score the boxes of all images; a low score of ObjectLab is a likely error."""
    given = json.load(sys.stdin)
    rank = import_module("cleanlab.object_detection.rank")
    labels = [
        {"labels": np.array(image["labels"], int), "bboxes": np.array(image["boxes"], float).reshape(-1, 4)}
        for image in given["images"]
    ]
    predictions = [read_predictions(image["predictions"], given["classes"]) for image in given["images"]]
    limits = {"high_probability_threshold": given["sure"]} if given["sure"] else {}
    both = {"labels": labels, "predictions": predictions}
    scores = {
        "overlooked": rank.compute_overlooked_box_scores(**both, **limits),
        "swapped": rank.compute_swap_box_scores(**both, **limits),
        "misplaced": rank.compute_badloc_box_scores(**both),
    }
    json.dump({name: [[float(one) for one in image] for image in each] for name, each in scores.items()}, sys.stdout)


def read_predictions(rows: list[list[float]], classes: int) -> Any:
    """Return the predictions as ObjectLab has them: for each class an array (n, 5) of box and confidence."""
    made = np.empty(classes, dtype=object)
    for class_id in range(classes):
        made[class_id] = np.array([row[1:] for row in rows if row[0] == class_id], float).reshape(-1, 5)
    return made


if __name__ == "__main__":
    main()
