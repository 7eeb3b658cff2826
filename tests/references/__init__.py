"""Tests of `loop/references/`."""
