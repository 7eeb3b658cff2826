"""The command `loop`: its commands by subject, and how they print."""
