"""Label Studio's events to reviews, and reviews to verdicts."""
