"""Images, detectors and embedders."""
