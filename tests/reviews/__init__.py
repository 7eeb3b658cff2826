"""Tests of `loop/reviews/`."""
