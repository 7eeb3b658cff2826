"""Imported by the process that children are forked from, so that none of them loads these modules again."""

import label_studio_sdk.base_client  # noqa: F401
import pytest  # noqa: F401
import scipy.optimize  # noqa: F401

import loop.jobs  # noqa: F401
import tests.registry.builders
import tests.reviews.builders  # noqa: F401
from loop.vision.ultralytics_setup import prepare_ultralytics

prepare_ultralytics()
import ultralytics.models.yolo.detect  # noqa: E402, F401
