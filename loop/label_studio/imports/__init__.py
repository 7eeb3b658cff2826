"""Tasks that are made with their images and labels, in large batches."""
