"""Tests of `loop/vision/`."""
