"""Tests of `scripts/learning/`."""
