"""Labels by references: the vote for labels that no class of a version is, and what open tasks show of it."""
