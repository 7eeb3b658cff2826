"""Weights in the formats of other runtimes, for use outside of this installation."""
