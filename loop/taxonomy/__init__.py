"""The taxonomy: detections matched to categories by their nearest references."""
