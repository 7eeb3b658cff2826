"""The next tasks of the queue, and why each is in its place."""
