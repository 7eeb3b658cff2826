"""Measures a candidate version against the champion, and rules whether it may serve."""
