"""An annotator who gives all four verdicts, and remembers which."""

import random
from collections import Counter
from copy import deepcopy

from loop.regions import Box
from scripts.demo import scenes
from scripts.demo.annotator import box_of, draw

CONFIRMED, CORRECTED, FALSE_POSITIVE, MISSED = "confirmed", "corrected", "false_positive", "missed"
VERDICTS = frozenset((CONFIRMED, CORRECTED, FALSE_POSITIVE, MISSED))
ACTS = {"kept": CONFIRMED, "moved": CORRECTED, "relabelled": CORRECTED, "deleted": FALSE_POSITIVE}
SHIFT = 3.0  # percent of the image
FAR_APART = 0.3  # largest IoU of a drawn box with a predicted one


class RandomAnnotator:
    """Reviews what the label stream serves; `decided` is what they decided on each task."""

    def __init__(self, api, project_id, labels, seed):
        self._api, self._project_id, self._labels = api, project_id, labels
        self._random = random.Random(seed)
        self.decided = {}

    def review_next(self, wanted=()):
        """Review a task, giving the *wanted* verdicts where it has boxes for them; return its id; None without one."""
        answer = self._api.get(f"/api/projects/{self._project_id}/next")
        if answer.status_code == 404:
            return None
        task = answer.raise_for_status().json()
        result, decisions = self.decide(task, wanted)
        annotation = {
            "result": result,
            "parent_prediction": task["predictions"][0]["id"] if task["predictions"] else None,
            "was_cancelled": False,
            "lead_time": 2.0,
        }
        self._api.post(f"/api/tasks/{task['id']}/annotations/", json=annotation).raise_for_status()
        self.decided[task["id"]] = decisions
        return task["id"]

    def decide(self, task, wanted=()):
        """Return the reviewed result of a task, and how often each verdict is in it: what is *wanted* comes first."""
        predicted = task["predictions"][0]["result"] if task["predictions"] else []
        regions = [region for region in predicted if region["type"] == "rectanglelabels"]
        result, decisions = [], Counter()
        for region in regions:
            first = [act for act, verdict in ACTS.items() if verdict in wanted and not decisions[verdict]]
            act = self._random.choice(first or list(ACTS))
            decisions[ACTS[act]] += 1
            if act != "deleted":
                result.append(self._review(region, act))
        if not regions or MISSED in wanted or self._random.random() < 0.5:
            result.append(self._draw([box_of(region) for region in regions]))
            decisions[MISSED] += 1
        return result, decisions

    def _review(self, region, act):
        value = deepcopy(region["value"])
        if act == "moved":
            value["x"] += SHIFT if value["x"] + value["width"] + SHIFT <= 100 else -SHIFT
            if value["x"] < 0:  # as wide as the image
                value.update(x=0, width=value["width"] - SHIFT)
        if act == "relabelled":
            others = [label for label in self._labels if label not in value["rectanglelabels"]]
            value["rectanglelabels"] = [self._random.choice(others)]
        return {**region, "value": value, "origin": "prediction" if act == "kept" else "prediction-changed"}

    def _draw(self, boxes):
        while True:
            x, y = self._random.uniform(0, 0.9), self._random.uniform(0, 0.9)
            drawn = Box(x, y, x + 0.08, y + 0.08)
            if all(drawn.iou(box) < FAR_APART for box in boxes):
                return draw(self._random.choice(self._labels), drawn, scenes.SIZE)
