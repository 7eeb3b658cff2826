"""Predictions: made, logged, ordered by uncertainty, and kept up to date in Label Studio."""
