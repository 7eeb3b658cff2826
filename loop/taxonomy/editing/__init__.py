"""Changes of a taxonomy: categories added and taken out, the difference of two, and what waits for a decision."""
