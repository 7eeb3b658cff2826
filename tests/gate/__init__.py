"""Tests of `loop/gate/`."""
