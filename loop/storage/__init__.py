"""The records (tables and migrations), and files that are written whole or not at all."""
