"""Tasks whose prediction was accepted without a review, in the records."""
