"""Tests of `loop/cli/`."""
