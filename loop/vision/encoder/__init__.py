"""The image encoders that embed crops, each in a file: where its weights are, and how torch loads it."""
