"""Reviews that programs create, update and delete in bulk."""
