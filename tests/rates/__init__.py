"""Tests of `loop/rates/`."""
