"""Tests of `loop/installation/`."""
