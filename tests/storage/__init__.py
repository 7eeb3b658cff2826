"""Tests of `loop/storage/`."""
