"""A simulated annotator: corrects the tasks that the label stream serves to the truth."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from loop.regions import Box
from scripts.demo.scenes import Scene

GOOD_ENOUGH = 0.75  # IoU from which a box of the right label is left alone
SAME_OBJECT = 0.5  # IoU from which a predicted box shows the same object

Truth = Mapping[str, Sequence[tuple[str, Box]]]


class Annotator:
    """One annotator of one project; posts annotations through the API, in the form of Label Studio's editor."""

    def __init__(self, client: httpx.Client, project_id: int, scenes: Sequence[Scene]) -> None:
        self._client, self._project_id = client, project_id
        self._truth: Truth = {scene.name: scene.objects for scene in scenes}
        self._sizes = {scene.name: scene.image.size for scene in scenes}

    def review_next(self) -> int | None:
        """Review the task that the label stream serves; return its id, or None when no task is left."""
        began = time.monotonic()
        answer = self._client.get(f"/api/projects/{self._project_id}/next")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        task = answer.raise_for_status().json()
        name = scene_name(task["data"]["image"])
        prediction = task["predictions"][0] if task["predictions"] else None
        annotation = {
            "result": correct(prediction["result"] if prediction else [], self._truth[name], self._sizes[name]),
            "parent_prediction": prediction["id"] if prediction else None,
            "was_cancelled": False,
            "lead_time": time.monotonic() - began,
        }
        self._client.post(f"/api/tasks/{task['id']}/annotations/", json=annotation).raise_for_status()
        return int(task["id"])


def scene_name(address: str) -> str:
    """Return the name of the scene in an uploaded file: Label Studio puts eight hexadecimal digits before it."""
    return re.sub(r"^[0-9a-f]{8}-", "", address.rsplit("/", 1)[-1]).rsplit(".", 1)[0]


def correct(
    predicted: Sequence[dict[str, Any]], truth: Sequence[tuple[str, Box]], size: tuple[int, int]
) -> list[dict[str, Any]]:
    """Correct a prediction to the truth: keep good boxes, move, relabel or delete others, and draw missing boxes."""
    remaining = list(truth)
    result = []
    regions = [region for region in predicted if region["type"] == "rectanglelabels"]
    for region in sorted(regions, key=lambda region: -float(region.get("score") or 0)):
        closest = _find_closest(box_of(region), remaining)
        if closest is None:
            continue  # a false positive is deleted
        remaining.remove(closest)
        label, box = closest
        is_fine = region["value"]["rectanglelabels"] == [label] and box_of(region).iou(box) >= GOOD_ENOUGH
        reviewed = {**region, "origin": "prediction"} if is_fine else _redraw(region, label, box)
        result += [reviewed, *_move_other_results(reviewed, predicted)]
    return result + [draw(label, box, size) for label, box in remaining]


def _move_other_results(region: Mapping[str, Any], predicted: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the results of other controls on a region, at the region's new place, as the editor moves them."""
    sides = {key: side for key, side in region["value"].items() if key != "rectanglelabels"}
    return [
        {**result, "value": {**result["value"], **sides}, "origin": region["origin"]}
        for result in predicted
        if result.get("id") == region["id"] and result["type"] != "rectanglelabels"
    ]


def _find_closest(box: Box, truth: Sequence[tuple[str, Box]]) -> tuple[str, Box] | None:
    best = max(truth, key=lambda labelled: box.iou(labelled[1]), default=None)
    return best if best and box.iou(best[1]) >= SAME_OBJECT else None


def box_of(region: Mapping[str, Any]) -> Box:
    """Return the box of a region, as Label Studio sends it."""
    value = region["value"]
    x, y = value["x"] / 100, value["y"] / 100
    return Box(x, y, x + value["width"] / 100, y + value["height"] / 100)


def _value(label: str, box: Box) -> dict[str, Any]:
    sides = {"x": box.x0, "y": box.y0, "width": box.x1 - box.x0, "height": box.y1 - box.y0}
    percent = {key: 100 * side for key, side in sides.items()}
    return {**percent, "rotation": 0, "rectanglelabels": [label]}


def _redraw(region: Mapping[str, Any], label: str, box: Box) -> dict[str, Any]:
    return {**region, "value": _value(label, box), "origin": "prediction-changed"}


def draw(label: str, box: Box, size: tuple[int, int]) -> dict[str, Any]:
    """Return the region of a box that is drawn by hand on an image of a *size*, its width and height in pixels."""
    return {
        "id": secrets.token_urlsafe(8)[:10],
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "origin": "manual",
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        "value": _value(label, box),
    }
