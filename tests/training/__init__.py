"""Tests of `loop/training/`."""
