"""Commands on boxes and tasks to look at."""
