"""Tests of `loop/discovery/`."""
