"""A loop that learns from reviews in Label Studio: one folder for each subject."""
