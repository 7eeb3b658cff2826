"""Tests of `loop/registry/`."""
