"""Measurements and simulations: `python -m scripts.bench.NAME` prints the figures that the docs show."""
