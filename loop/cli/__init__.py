"""The command `loop`: one file for each command group."""
