"""What this process prints, and what is completed for a shell, in one place for all commands."""
