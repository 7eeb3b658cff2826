"""Tests of `backend/`."""
