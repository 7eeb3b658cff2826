"""Tests of `loop/label_studio/`."""
