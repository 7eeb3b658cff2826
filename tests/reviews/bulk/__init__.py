"""Tests of `loop/reviews/bulk/`."""
