"""Around a network: its input from an image, its passes on a GPU, and the choice of detections from its output."""
