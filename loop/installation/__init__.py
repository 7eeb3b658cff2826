"""Starts, connects, shows and checks an installation."""
