"""What Prometheus is told."""

from __future__ import annotations

import os

from prometheus_client import REGISTRY as LOCAL
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)

PREDICTIONS = Counter("loop_predictions", "Tasks predicted", ["project"])
IMAGES_BROKEN = Counter("loop_images_broken", "Tasks whose image could not be read", ["project"])
UNMAPPED = Counter("loop_detections_unmapped", "Detections of a class that the label config lacks", ["project"])
EVENTS = Counter("loop_events", "Events taken in", ["project", "action"])
SECONDS = Histogram("loop_request_seconds", "Time to answer", ["endpoint"])


def exposition() -> bytes:
    """All measures as text; of all processes where gunicorn runs several."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return generate_latest(LOCAL)
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)
