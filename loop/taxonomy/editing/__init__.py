"""Changes of a taxonomy: categories added and taken out, and the difference of two taxonomies."""
