"""Clusters of detections that no category matches, for a person to name or dismiss."""
