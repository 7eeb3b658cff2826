"""The reference collection: vectors of boxes in Milvus, kept up with the records."""
