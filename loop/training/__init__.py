"""Trainings: when one is due, how it runs, and how it fails."""
