"""Tests of `loop/serving/`."""
