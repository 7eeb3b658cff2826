"""An annotator who gives all four verdicts at random, and remembers which."""

import random
from collections import Counter
from copy import deepcopy

from loop.regions import Box
from scripts.demo import scenes
from scripts.demo.annotator import box_of, draw

CONFIRMED, CORRECTED, FALSE_POSITIVE, MISSED = "confirmed", "corrected", "false_positive", "missed"
DRAWS = (CONFIRMED, CONFIRMED, CORRECTED, "relabelled", FALSE_POSITIVE)
SHIFT = 3.0  # percent of the image
FAR_APART = 0.3  # largest IoU of a drawn box with a predicted one


class RandomAnnotator:
    """Reviews what the label stream serves; `decided` is what they decided on each task."""

    def __init__(self, api, project_id, labels, seed):
        self._api, self._project_id, self._labels = api, project_id, labels
        self._random = random.Random(seed)
        self.decided = {}

    def review_next(self):
        """Review a task; return its id, or None without one."""
        answer = self._api.get(f"/api/projects/{self._project_id}/next")
        if answer.status_code == 404:
            return None
        task = answer.raise_for_status().json()
        result, decisions = self.decide(task)
        annotation = {
            "result": result,
            "parent_prediction": task["predictions"][0]["id"] if task["predictions"] else None,
            "was_cancelled": False,
            "lead_time": 2.0,
        }
        self._api.post(f"/api/tasks/{task['id']}/annotations/", json=annotation).raise_for_status()
        self.decided[task["id"]] = decisions
        return task["id"]

    def decide(self, task):
        """Return the reviewed result of a task, and how often each verdict is in it."""
        predicted = task["predictions"][0]["result"] if task["predictions"] else []
        regions = [region for region in predicted if region["type"] == "rectanglelabels"]
        result, decisions = [], Counter()
        for region in regions:
            draw = self._random.choice(DRAWS)
            decisions[CORRECTED if draw == "relabelled" else draw] += 1
            if draw != FALSE_POSITIVE:
                result.append(self._review(region, draw))
        if not regions or self._random.random() < 0.5:
            result.append(self._draw([box_of(region) for region in regions]))
            decisions[MISSED] += 1
        return result, decisions

    def _review(self, region, draw):
        value = deepcopy(region["value"])
        if draw == CORRECTED:
            value["x"] += SHIFT if value["x"] + value["width"] + SHIFT <= 100 else -SHIFT
            if value["x"] < 0:  # as wide as the image
                value.update(x=0, width=value["width"] - SHIFT)
        if draw == "relabelled":
            others = [label for label in self._labels if label not in value["rectanglelabels"]]
            value["rectanglelabels"] = [self._random.choice(others)]
        return {**region, "value": value, "origin": "prediction" if draw == CONFIRMED else "prediction-changed"}

    def _draw(self, boxes):
        while True:
            x, y = self._random.uniform(0, 0.9), self._random.uniform(0, 0.9)
            drawn = Box(x, y, x + 0.08, y + 0.08)
            if all(drawn.iou(box) < FAR_APART for box in boxes):
                return draw(self._random.choice(self._labels), drawn, scenes.SIZE)
