"""Tests of `loop/datasets/`."""
