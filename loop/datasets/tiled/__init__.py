"""The tiles of a dataset: which of them a detector is trained on, and their files."""
