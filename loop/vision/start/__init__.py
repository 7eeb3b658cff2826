"""The weights that a project starts from, whose classes may be texts: then label names are made their classes once."""
