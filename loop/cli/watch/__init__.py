"""Commands that show what happens in the parts of an installation."""
