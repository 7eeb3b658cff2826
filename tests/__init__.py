"""Tests; they read as sentences."""
