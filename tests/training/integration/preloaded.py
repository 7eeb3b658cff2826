"""Imported by the process that trainees are forked from: torch and ultralytics are loaded once for all of them."""

from loop.vision.ultralytics_setup import prepare_ultralytics

prepare_ultralytics()
import ultralytics.models.yolo.detect  # noqa: E402, F401
