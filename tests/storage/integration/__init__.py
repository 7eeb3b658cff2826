"""The records on a real PostgreSQL."""
