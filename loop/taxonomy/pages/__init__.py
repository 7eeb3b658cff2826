"""What a person sees of a taxonomy: the tree with its counts, and what jobs prepared for a decision."""
