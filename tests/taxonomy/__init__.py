"""Tests of `loop/taxonomy/`."""
