"""The answer of a command: for a person, or as JSON for a program."""
