"""What happens next in a project, and what waits for it."""
