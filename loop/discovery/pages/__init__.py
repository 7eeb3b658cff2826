"""What a person sees of clusters: the list, one cluster, and the map of the unknown."""
