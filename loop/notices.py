"""A notice as its receivers get it: body, signature, and when it is sent again. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from standardwebhooks import Webhook

STANDARD_KEY = re.compile(r"whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)")


class Kind(StrEnum):
    """What can have happened."""

    REVIEW_RECORDED = "review.recorded"
    TRAINING_FINISHED = "training.finished"
    TRAINING_FAILED = "training.failed"
    MODEL_PROMOTED = "model.promoted"
    MODEL_ROLLED_BACK = "model.rolled_back"
    RATES_ALERT = "rates.alert"
    CLUSTERS_FOUND = "clusters.found"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened in a project; receivers that get it twice know it by its id."""

    id: str
    project_id: int
    kind: str
    data: Mapping[str, Any]
    created_at: datetime

    def body(self) -> bytes:
        """The JSON that is sent, the same every time."""
        said = {
            "id": self.id,
            "kind": self.kind,
            "project": self.project_id,
            "created_at": self.created_at.isoformat(),
            "data": dict(self.data),
        }
        return json.dumps(said, sort_keys=True).encode()


def plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same as JSON that every receiver reads; what JSON has no form for, such as NaN or a date, as text."""
    found: dict[str, Any] = json.loads(json.dumps(data, default=str, skipkeys=True), parse_constant=str)
    return found


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """
    When a delivery that failed is tried again.

    The wait grows from *first* by *factor* up to *longest*, all in seconds, each time by chance up to *jitter* longer
    or shorter, so that what failed together does not come back together. Eleven waits make 22.5 hours.
    """

    first: float = 5.0
    factor: float = 3.0
    longest: float = 6 * 3600.0
    jitter: float = 0.2
    most_attempts: int = 12
    longest_life: timedelta = timedelta(days=1)  # of what was never tried, because its receiver did not answer

    def next_wait(self, attempts: int, chance: float) -> timedelta | None:
        """The wait after that many failed attempts, by a *chance* in [0, 1]; None: that was the last."""
        if attempts >= self.most_attempts:
            return None
        wait = min(self.longest, self.first * self.factor ** (attempts - 1))
        return timedelta(seconds=wait * (1 + self.jitter * (2 * chance - 1)))


def standard_key(text: str) -> str:
    """
    Return a key as Standard Webhooks writes it, `whsec_` and base64, which every verifier takes.

    A text that is written like this stays as it is; any other text stands for its bytes in UTF-8.
    """
    if STANDARD_KEY.fullmatch(text):
        return text
    return f"whsec_{base64.b64encode(text.encode()).decode()}"


def headers(notice: Notice, key: str, now: datetime) -> dict[str, str]:
    """Return the headers of an attempt at *now*, in UTC, signed with a `standard_key` as Standard Webhooks demands."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "label-studio-yolo-loop",
        "X-Loop-Event": notice.kind,
        "webhook-id": notice.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(key).sign(notice.id, now, notice.body().decode()),
    }
