"""Annotators compared with each other, and with known answers."""
