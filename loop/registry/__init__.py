"""The versions of a project: weights, aliases, archives, promotion and rollback."""
