"""Checks training, serving and embedding on a GPU."""
