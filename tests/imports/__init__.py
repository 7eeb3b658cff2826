"""Tests of `loop/imports/`."""
