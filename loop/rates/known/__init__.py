"""Tasks with a known answer, and which of them are shown again."""
